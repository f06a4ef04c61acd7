"""Lists every model YAML with its figures."""
