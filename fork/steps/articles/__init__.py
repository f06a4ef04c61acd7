"""The eight edits and two fixes that the articles teach, in their order."""
