"""Process managers: what follows from events by itself, as commands with keys of their own."""
