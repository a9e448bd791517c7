"""Kafka against the store: what a topic must hold, what it holds, and making it hold that."""
