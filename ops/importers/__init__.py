"""Importers: files of others, read as a stream and sent as commands through the HTTP client."""
