"""Shows where a detector looks."""
