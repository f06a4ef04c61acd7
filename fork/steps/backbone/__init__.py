"""What a model with such a backbone needs besides: fusing, weights, rows by the YAML's index, the right class."""
