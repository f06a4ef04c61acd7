"""What ``train.py`` and ``val.py`` stand on, and the lab's tools too."""
