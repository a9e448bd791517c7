"""The embedded ClickHouse engine behind its HTTP protocol: a development part, not a server."""
