"""Upstream's own tests as a gate: the same outcome, test by test, on the pristine release and on the fork."""
