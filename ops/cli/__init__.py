"""Commands, one module a group; each has `register(app)`."""
