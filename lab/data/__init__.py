"""Data sets: checked, converted, split, counted, drawn."""
