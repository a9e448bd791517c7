"""The read model `movements` in ClickHouse: a row per stock event, with items and locations."""
