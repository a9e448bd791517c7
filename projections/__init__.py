"""The read side: folds of the log in PostgreSQL, Redis and ClickHouse, and their queries."""
