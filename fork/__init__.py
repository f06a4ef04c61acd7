"""The fork as a program: a pinned Ultralytics release plus an ordered series of small source edits.

``python -m fork --help`` lists the commands. The package needs the standard library only, and never imports
``ultralytics``: it must run before that package exists.
"""
