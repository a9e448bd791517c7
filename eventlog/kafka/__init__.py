"""Kafka: topics, records, the relay that fills them and the source that reads them."""
