"""The log: protocol, codec, PostgreSQL store, relay and Kafka."""
