"""Our own processes: what each is made of, and how it runs until it is told to stop."""
