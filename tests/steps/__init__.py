"""Tests of the series, one file a step, on small sources of our own."""
