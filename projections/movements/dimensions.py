"""Rows of the item and location dimensions: whole, as the one with the last position counts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from domain.streams import item_stream
from eventlog.log import LogReader, RecordedEvent
from projections.arrays import microseconds
from projections.item_facts import ItemChange, item_changes, locations

DimensionRow = tuple[object, ...]
"""Values in the order of `schema.ITEMS` or `schema.LOCATIONS`; instants in µs since 1970."""


def item_rows(events: Iterable[RecordedEvent], reader: LogReader) -> list[DimensionRow]:
    """A row for each item the events change, as its last one leaves it.

    What the events do not say is completed from the item's stream in the log, up to the last of
    them: so the same events give the same rows whenever they are sent. Raises `PoisonEventError`.
    """
    changes = item_changes(events)
    for key, change in changes.items():
        if not change.is_whole:
            changes[key] = _from_log(change, key, reader)
    return [_item_row(*key, change) for key, change in sorted(changes.items())]


def _from_log(change: ItemChange, key: tuple[str, str], reader: LogReader) -> ItemChange:
    ledger, sku = key
    stream = reader.read_stream(ledger, item_stream(sku), 0)
    last = change.last.stream_version
    return item_changes(takewhile(lambda event: event.stream_version <= last, stream))[key]


def _item_row(ledger: str, sku: str, change: ItemChange) -> DimensionRow:
    text = change.description
    assert text is not None, "an item's stream begins with its registration"
    return (
        change.last.tenant,
        ledger,
        change.last.shard,
        sku,
        text.name,
        text.description,
        text.category,
        list(text.media_urls),
        text.gtin or "",
        text.unit,
        text.tracking,
        text.reorder_point,
        text.safety_stock,
        text.backorder_limit,
        text.attributes,
        "discontinued" if change.discontinued else "active",
        change.last.ledger_position,
        microseconds(change.last.recorded_at),
    )


def location_rows(events: Iterable[RecordedEvent]) -> list[DimensionRow]:
    """A row for each location the events register. Raises `PoisonEventError`."""
    return [
        (
            event.tenant,
            event.ledger,
            event.shard,
            fact.location,
            fact.name,
            fact.type,
            fact.latitude_microdegrees,
            fact.longitude_microdegrees,
            event.ledger_position,
            microseconds(event.recorded_at),
        )
        for _, (event, fact) in sorted(locations(events).items())
    ]
