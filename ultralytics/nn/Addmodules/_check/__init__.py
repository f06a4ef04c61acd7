"""The check of a model YAML: its structure, then what its rows give, then the reasons."""
