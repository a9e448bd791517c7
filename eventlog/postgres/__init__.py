"""The log in PostgreSQL: append, reads, snapshots, stored answers, heads."""
