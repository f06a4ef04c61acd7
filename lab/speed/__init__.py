"""Measures models, in turns."""
