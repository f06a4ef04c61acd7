"""Tests of the series, one file per step, on small sources of our own."""
