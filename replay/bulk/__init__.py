"""The fast way to fold history: ranges in worker processes, merged in order, written as sets."""
