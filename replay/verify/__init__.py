"""The independent check of the laws: imports nothing else of this project."""
