"""The streams that speak of one SKU by their names, as ranges of names."""

from __future__ import annotations

from domain.streams import item_stream, lot_stream, serial_stream, stock_stream


def ranges_of_sku(sku: str) -> list[tuple[str, str]]:
    """(first name, first name beyond) of its item, its stocks, its lots and its serials."""
    item = item_stream(sku)
    prefixes = (stock_stream(sku, ""), lot_stream(sku, ""), serial_stream(sku, ""))
    # All names that begin so: up to the name whose last character is the next one.
    return [
        (item, f"{item}\x01"),
        *((prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)) for prefix in prefixes),
    ]
