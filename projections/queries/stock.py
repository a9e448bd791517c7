"""Questions to `stock_levels`: items, locations, and units by SKU and location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row

SEARCH_WORDS_MAX = 8
FOUND = "(sku ^@ %(search)s OR name ILIKE ALL (%(words)s))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`position` and `recorded_at` are of the event that last changed the row."""

    sku: str
    name: str
    description: str
    category: str
    media_urls: Sequence[str]
    gtin: str | None
    unit: str
    tracking: str
    reorder_point: int
    safety_stock: int
    backorder_limit: int
    attributes: Mapping[str, str]
    status: str
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Coordinates in millionths of a degree."""

    location: str
    name: str
    type: str
    latitude_microdegrees: int | None
    longitude_microdegrees: int | None
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Units of one SKU at one location. `available` is on hand less everything promised or held;
    `available_to_promise` is that less the item's safety stock.
    """

    sku: str
    location: str
    on_hand: int
    reserved: int
    committed: int
    picked: int
    held: int
    available: int
    available_to_promise: int
    shortfall: int
    last_counted_at: datetime | None
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTotals:
    """Sums over a ledger: how many SKUs are known, units on hand, and places short of stock."""

    items: int
    units_on_hand: int
    units_available: int
    stocks_short: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockSummary:
    """An item and its units over all locations; `short` is its stated shortfall in sum."""

    sku: str
    name: str
    status: str
    reorder_point: int
    locations: int
    on_hand: int
    promised: int
    available: int
    short: int


ITEM_COLUMNS = """
SELECT sku, name, description, category, media_urls, gtin, unit, tracking, reorder_point,
       safety_stock, backorder_limit, attributes, status, position, recorded_at
  FROM {items}
"""
LOCATIONS = """
SELECT location, name, type, latitude_microdegrees, longitude_microdegrees, position, recorded_at
  FROM {locations} WHERE ledger = %(ledger)s AND location > %(after)s
 ORDER BY location LIMIT %(limit)s
"""
LEVELS = """
SELECT l.sku, l.location, l.on_hand, l.reserved, l.committed, l.picked, l.held,
       l.on_hand - l.reserved - l.committed - l.picked - l.held AS available,
       l.on_hand - l.reserved - l.committed - l.picked - l.held - coalesce(i.safety_stock, 0)
           AS available_to_promise,
       l.shortfall, l.last_counted_at, l.position, l.recorded_at
  FROM {stock_levels} l LEFT JOIN {items} i USING (ledger, sku)
"""
SUMMARIES = """
SELECT sku, name, status, reorder_point, locations, on_hand, promised,
       on_hand - promised AS available, short
  FROM {items} CROSS JOIN LATERAL (
       SELECT count(*) AS locations,
              coalesce(sum(l.on_hand), 0)::bigint AS on_hand,
              coalesce(sum(l.reserved + l.committed + l.picked + l.held), 0)::bigint AS promised,
              coalesce(sum(l.shortfall), 0)::bigint AS short
         FROM {stock_levels} l WHERE l.ledger = {items}.ledger AND l.sku = {items}.sku
  ) AS levels
"""
TOTALS = """
SELECT (SELECT count(*) FROM {items} WHERE ledger = %(ledger)s) AS items,
       coalesce(sum(on_hand), 0)::bigint AS units_on_hand,
       coalesce(sum(on_hand - reserved - committed - picked - held), 0)::bigint AS units_available,
       count(*) FILTER (WHERE shortfall > 0) AS stocks_short
  FROM {stock_levels} WHERE ledger = %(ledger)s
"""


def item(
    connection: Connection[TupleRow], places: Mapping[str, str], ledger: str, sku: str
) -> Item | None:
    """One item, None when it is unknown."""
    statement = _filled(ITEM_COLUMNS + " WHERE ledger = %(ledger)s AND sku = %(sku)s", places)
    with connection.cursor(row_factory=class_row(Item)) as cursor:
        return cursor.execute(statement, {"ledger": ledger, "sku": sku}).fetchone()


def items(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    ledger: str,
    *,
    search: str | None = None,
    category: str | None = None,
    status: str | None = None,
    after: str | None = None,
    limit: int,
) -> list[Item]:
    """A page of items by SKU. `search`: a SKU's beginning, or words that the name all holds."""
    conditions = ["ledger = %(ledger)s", "sku > %(after)s"]
    values: dict[str, Any] = {"ledger": ledger, "after": after or "", "limit": limit}
    if search:
        conditions.append(FOUND)
        values |= _search(search)
    if category:
        conditions.append("category = %(category)s")
        values["category"] = category
    if status:
        conditions.append("status = %(status)s")
        values["status"] = status
    where = f" WHERE {' AND '.join(conditions)} ORDER BY sku LIMIT %(limit)s"
    with connection.cursor(row_factory=class_row(Item)) as cursor:
        return cursor.execute(_filled(ITEM_COLUMNS + where, places), values).fetchall()


def locations(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    ledger: str,
    *,
    after: str | None = None,
    limit: int,
) -> list[Location]:
    """A page of locations by id."""
    values = {"ledger": ledger, "after": after or "", "limit": limit}
    with connection.cursor(row_factory=class_row(Location)) as cursor:
        return cursor.execute(_filled(LOCATIONS, places), values).fetchall()


def levels(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    ledger: str,
    *,
    sku: str | None = None,
    location: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
) -> list[Level]:
    """A page of levels by SKU and location, of one SKU or location if named."""
    conditions = ["l.ledger = %(ledger)s"]
    values: dict[str, Any] = {"ledger": ledger, "limit": limit}
    if sku is not None:
        conditions.append("l.sku = %(sku)s")
        values["sku"] = sku
    if location is not None:
        conditions.append("l.location = %(location)s")
        values["location"] = location
    if after is not None:
        conditions.append("(l.sku, l.location) > (%(after_sku)s, %(after_location)s)")
        values |= {"after_sku": after[0], "after_location": after[1]}
    where = f" WHERE {' AND '.join(conditions)} ORDER BY l.sku, l.location LIMIT %(limit)s"
    with connection.cursor(row_factory=class_row(Level)) as cursor:
        return cursor.execute(_filled(LEVELS + where, places), values).fetchall()


def summaries(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    ledger: str,
    *,
    search: str | None = None,
    limit: int,
) -> list[StockSummary]:
    """The first items by SKU, found as `items` finds them."""
    values: dict[str, Any] = {"ledger": ledger, "limit": limit}
    found = ""
    if search:
        found = f" AND {FOUND}"
        values |= _search(search)
    statement = f"{SUMMARIES} WHERE ledger = %(ledger)s{found} ORDER BY sku LIMIT %(limit)s"
    with connection.cursor(row_factory=class_row(StockSummary)) as cursor:
        return cursor.execute(_filled(statement, places), values).fetchall()


def totals(connection: Connection[TupleRow], places: Mapping[str, str], ledger: str) -> StockTotals:
    """Sums over the whole ledger."""
    with connection.cursor(row_factory=class_row(StockTotals)) as cursor:
        return cursor.execute(_filled(TOTALS, places), {"ledger": ledger}).fetchall()[0]


def _search(search: str) -> dict[str, Any]:
    words = [f"%{_escaped(word)}%" for word in search.split()[:SEARCH_WORDS_MAX]]
    return {"search": search, "words": words}


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _filled(statement: str, places: Mapping[str, str]) -> sql.Composed:
    names = {logical: sql.Identifier(table) for logical, table in places.items()}
    return sql.SQL(statement).format(**names)
