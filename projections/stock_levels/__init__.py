"""The read model `stock_levels` in PostgreSQL: every quantity of every stock, items, locations."""
