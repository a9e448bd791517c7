"""The console: a read-only, live view of one tenant, for people."""
