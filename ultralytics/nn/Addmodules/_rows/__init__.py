"""What the edited lines of upstream call, one subject a file; ``hooks`` names them all."""
