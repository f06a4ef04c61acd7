"""Draws the training curves of several runs in one picture."""
