"""The read model `documents` in PostgreSQL: what each stream of some kinds has come to, as JSON."""
