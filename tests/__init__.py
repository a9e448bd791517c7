"""Checks of behaviour, one folder per cost."""
