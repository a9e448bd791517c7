"""The HTTP edge: shapes, limits, problems, and the client library."""
