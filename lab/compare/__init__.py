"""Trains several models on one data set, and says which is better by how much."""
