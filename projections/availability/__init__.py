"""The read model `availability` in Redis: units free to promise, by SKU and location."""
