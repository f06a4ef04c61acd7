"""Checks a model YAML and a data set before anything is trained."""
