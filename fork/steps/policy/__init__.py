"""What a fork owes its users: nothing of others is run, reported, installed or waited for unasked."""
