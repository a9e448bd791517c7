"""What readers ask: each function reads one read model and changes nothing."""
