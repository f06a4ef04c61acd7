"""Tools around the fork: data sets to try it on. Never imported by the patched tree."""
