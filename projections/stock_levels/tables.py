"""The tables of `stock_levels` and the statements that write them, one per table and batch.

Keys go in sorted: two writers that meet on the same rows wait for each other, never in a ring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime

import msgspec
from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from domain.events import LocationRegistered
from eventlog.log import RecordedEvent
from projections.arrays import instant_array, int_array, text_array
from projections.item_facts import Description, ItemChange
from projections.stock_levels.fold import LevelChange, Stock

MOVE_LEVELS = """
INSERT INTO {levels} AS level
       (tenant, ledger, sku, location, on_hand, reserved, committed, picked, held, position,
        recorded_at)
SELECT tenant, ledger, sku, location, on_hand, reserved, committed, picked, held, position,
       'epoch'::timestamptz + recorded_us * interval '1 microsecond'
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
              %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
       AS change (tenant, ledger, sku, location, on_hand, reserved, committed, picked, held,
                  position, recorded_us)
    ON CONFLICT (ledger, sku, location) DO UPDATE
   SET on_hand = level.on_hand + excluded.on_hand,
       reserved = level.reserved + excluded.reserved,
       committed = level.committed + excluded.committed,
       picked = level.picked + excluded.picked,
       held = level.held + excluded.held,
       position = excluded.position,
       recorded_at = excluded.recorded_at
"""
STATE_SHORTFALLS = """
UPDATE {levels} AS level SET shortfall = stated.shortfall
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
       AS stated (ledger, sku, location, shortfall)
 WHERE (level.ledger, level.sku, level.location) = (stated.ledger, stated.sku, stated.location)
"""
NOTE_COUNTS = """
UPDATE {levels} AS level
   SET last_counted_at = greatest(
           level.last_counted_at,
           'epoch'::timestamptz + counted.counted_us * interval '1 microsecond'
       )
  FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
       AS counted (ledger, sku, location, counted_us)
 WHERE (level.ledger, level.sku, level.location) = (counted.ledger, counted.sku, counted.location)
"""
DESCRIBE_ITEMS = """
INSERT INTO {items} AS item
       (tenant, ledger, sku, name, description, category, media_urls, gtin, unit, tracking,
        reorder_point, safety_stock, backorder_limit, attributes, status, position, recorded_at)
SELECT tenant, ledger, sku, name, description, category, media_urls, gtin, unit, tracking,
       reorder_point, safety_stock, backorder_limit, attributes, 'active', position, recorded_at
  FROM json_to_recordset(%s::json)
       AS new (tenant text, ledger text, sku text, name text, description text, category text,
               media_urls text[], gtin text, unit text, tracking text, reorder_point bigint,
               safety_stock bigint, backorder_limit bigint, attributes jsonb, position bigint,
               recorded_at timestamptz)
    ON CONFLICT (ledger, sku) DO UPDATE
   SET name = excluded.name, description = excluded.description, category = excluded.category,
       media_urls = excluded.media_urls, gtin = excluded.gtin, unit = excluded.unit,
       tracking = excluded.tracking, reorder_point = excluded.reorder_point,
       safety_stock = excluded.safety_stock, backorder_limit = excluded.backorder_limit,
       attributes = excluded.attributes, position = excluded.position,
       recorded_at = excluded.recorded_at
"""
DISCONTINUE_ITEMS = """
UPDATE {items} AS item
   SET status = 'discontinued', position = gone.position,
       recorded_at = 'epoch'::timestamptz + gone.recorded_us * interval '1 microsecond'
  FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])
       AS gone (ledger, sku, position, recorded_us)
 WHERE (item.ledger, item.sku) = (gone.ledger, gone.sku)
"""
REGISTER_LOCATIONS = """
INSERT INTO {locations}
       (tenant, ledger, location, name, type, latitude_microdegrees, longitude_microdegrees,
        position, recorded_at)
SELECT tenant, ledger, location, name, type, latitude_microdegrees, longitude_microdegrees,
       position, recorded_at
  FROM json_to_recordset(%s::json)
       AS new (tenant text, ledger text, location text, name text, type text,
               latitude_microdegrees bigint, longitude_microdegrees bigint, position bigint,
               recorded_at timestamptz)
    ON CONFLICT (ledger, location) DO UPDATE
   SET name = excluded.name, type = excluded.type,
       latitude_microdegrees = excluded.latitude_microdegrees,
       longitude_microdegrees = excluded.longitude_microdegrees,
       position = excluded.position, recorded_at = excluded.recorded_at
"""
LEVEL_POSITION = "SELECT position FROM {levels} WHERE ledger = %s AND sku = %s AND location = %s"
ITEM_POSITION = "SELECT position FROM {items} WHERE ledger = %s AND sku = %s"
LOCATION_POSITION = "SELECT position FROM {locations} WHERE ledger = %s AND location = %s"


def places(version: int) -> dict[str, str]:
    """The names of a version's tables."""
    return {name: f"{name}_v{version}" for name in ("stock_levels", "items", "locations")}


class Tables:
    """`stock_levels`, `items`, `locations`: the names of this version's tables."""

    def __init__(self, *, stock_levels: str, items: str, locations: str) -> None:
        self.names = (stock_levels, items, locations)
        self._names = {
            "levels": sql.Identifier(stock_levels),
            "items": sql.Identifier(items),
            "locations": sql.Identifier(locations),
        }

    def write_levels(
        self, connection: Connection[TupleRow], changes: Mapping[Stock, LevelChange]
    ) -> None:
        if not changes:
            return
        keys = sorted(changes)
        rows = [changes[key] for key in keys]
        self._execute(
            connection,
            MOVE_LEVELS,
            text_array(row.last.tenant for row in rows),
            *_key_columns(keys),
            int_array(row.on_hand for row in rows),
            int_array(row.reserved for row in rows),
            int_array(row.committed for row in rows),
            int_array(row.picked for row in rows),
            int_array(row.held for row in rows),
            int_array(row.last.ledger_position for row in rows),
            instant_array(row.last.recorded_at for row in rows),
        )
        self._write_figures(connection, dict(zip(keys, rows, strict=True)))

    def _write_figures(
        self, connection: Connection[TupleRow], changes: Mapping[Stock, LevelChange]
    ) -> None:
        """What few events state as it is, instead of moving it."""
        shortfalls: dict[Stock, int] = {}
        counts: dict[Stock, datetime] = {}
        for key, change in changes.items():
            if change.shortfall is not None:
                shortfalls[key] = change.shortfall
            if change.counted_at is not None:
                counts[key] = change.counted_at
        if shortfalls:
            figures = int_array(shortfalls.values())
            self._execute(connection, STATE_SHORTFALLS, *_key_columns(shortfalls), figures)
        if counts:
            instants = instant_array(counts.values())
            self._execute(connection, NOTE_COUNTS, *_key_columns(counts), instants)

    def write_items(
        self, connection: Connection[TupleRow], changes: Mapping[tuple[str, str], ItemChange]
    ) -> None:
        described = []
        gone: list[tuple[str, str, RecordedEvent]] = []
        for (ledger, sku), change in sorted(changes.items()):
            if change.description is not None:
                described.append(_row(change.last, change.description))
            if change.discontinued:
                gone.append((ledger, sku, change.last))
        if described:
            self._execute(connection, DESCRIBE_ITEMS, _json(described))
        if gone:
            self._execute(
                connection,
                DISCONTINUE_ITEMS,
                text_array(ledger for ledger, _, _ in gone),
                text_array(sku for _, sku, _ in gone),
                int_array(event.ledger_position for _, _, event in gone),
                instant_array(event.recorded_at for _, _, event in gone),
            )

    def write_locations(
        self,
        connection: Connection[TupleRow],
        found: Mapping[tuple[str, str], tuple[RecordedEvent, LocationRegistered]],
    ) -> None:
        if found:
            rows = [_row(event, fact) for _, (event, fact) in sorted(found.items())]
            self._execute(connection, REGISTER_LOCATIONS, _json(rows))

    def level_position(
        self, connection: Connection[TupleRow], ledger: str, sku: str, location: str
    ) -> int:
        return self._position(connection, LEVEL_POSITION, ledger, sku, location)

    def item_position(self, connection: Connection[TupleRow], ledger: str, sku: str) -> int:
        return self._position(connection, ITEM_POSITION, ledger, sku)

    def location_position(
        self, connection: Connection[TupleRow], ledger: str, location: str
    ) -> int:
        return self._position(connection, LOCATION_POSITION, ledger, location)

    def _position(self, connection: Connection[TupleRow], statement: str, *key: str) -> int:
        row = self._execute(connection, statement, *key).fetchone()
        return 0 if row is None else int(row[0])

    def _execute(
        self, connection: Connection[TupleRow], statement: str, *values: object
    ) -> Cursor[TupleRow]:
        return connection.execute(sql.SQL(statement).format(**self._names), values)


def _key_columns(keys: Iterable[Stock]) -> tuple[str, str, str]:
    ledgers, skus, locations = zip(*keys, strict=True)
    return text_array(ledgers), text_array(skus), text_array(locations)


def _row(event: RecordedEvent, fact: Description | LocationRegistered) -> dict[str, object]:
    return {
        "tenant": event.tenant,
        "ledger": event.ledger,
        **{field.name: getattr(fact, field.name) for field in fields(fact)},
        "position": event.ledger_position,
        "recorded_at": event.recorded_at,
    }


def _json(rows: list[dict[str, object]]) -> str:
    return msgspec.json.encode(rows).decode()
