"""The read model `orders` in PostgreSQL: each order with its lines in one row, and charges."""
