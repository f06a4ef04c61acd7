"""Tests of the second target, YOLOv5: its steps on small sources of our own, and the release itself."""
