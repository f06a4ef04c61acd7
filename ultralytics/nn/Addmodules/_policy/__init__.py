"""What a fork owes its users: what is opened, fetched and installed, and what its files say of it."""
