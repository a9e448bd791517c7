"""Random cells of every fed read model against the log, again and again, while all is at work."""
