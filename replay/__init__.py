"""Rebuilding, comparing and verifying read models against the log."""
