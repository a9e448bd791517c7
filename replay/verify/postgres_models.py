"""The read models in Postgres (`stock_levels`, `orders`): tables read in the caller's snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from replay.verify.ledger import LedgerFold
from replay.verify.read_models import (
    CatalogueEntry,
    Cell,
    Key,
    Table,
    TablesCheck,
    ledger_positions,
    parked,
)
from replay.verify.report import LawResult

_ITEM_DEFAULTS: Cell = {
    "description": "",
    "category": "",
    "media_urls": [],
    "gtin": None,
    "unit": "each",
    "tracking": "none",
    "reorder_point": 0,
    "safety_stock": 0,
    "backorder_limit": 0,
    "attributes": {},
}
_LOCATION_DEFAULTS: Cell = {"latitude_microdegrees": None, "longitude_microdegrees": None}


def _levels(fold: LedgerFold) -> Mapping[Key, Cell]:
    return {
        key: {
            "on_hand": stock.on_hand,
            "reserved": stock.reserved,
            "committed": stock.committed,
            "picked": stock.picked,
            "held": stock.held,
            "shortfall": stock.shortfall,
            "last_counted_at": stock.last_counted_at,
            "position": stock.position,
            "recorded_at": stock.recorded_at,
        }
        for key, stock in fold.stocks.items()
    }


def _items(fold: LedgerFold) -> Mapping[Key, Cell]:
    return {(sku,): {**_ITEM_DEFAULTS, **item} for sku, item in fold.items.items()}


def _locations(fold: LedgerFold) -> Mapping[Key, Cell]:
    return {(name,): {**_LOCATION_DEFAULTS, **place} for name, place in fold.locations.items()}


def _orders(fold: LedgerFold) -> Mapping[Key, Cell]:
    return {
        (order_id,): {
            "status": order.status,
            "customer": order.customer,
            "currency": order.currency,
            "placed_at": order.placed_at,
            "shipped_at": order.shipped_at,
            "cancelled_at": order.cancelled_at,
            "cancel_reason": order.cancel_reason,
            "units": order.units,
            "total_micros": order.total_micros,
            "lines": list(order.lines.values()),
            "position": order.position,
            "recorded_at": order.recorded_at,
        }
        for order_id, order in fold.orders.items()
    }


def _charges(fold: LedgerFold) -> Mapping[Key, Cell]:
    return {(charge_id,): charge for charge_id, charge in fold.charges.items()}


# logical name -> key columns, expected cells, stream of a key
_TABLES: dict[
    str, tuple[tuple[str, ...], Callable[[LedgerFold], Mapping[Key, Cell]], Callable[[Key], str]]
] = {
    "stock_levels": (("sku", "location"), _levels, lambda key: f"stock-{key[0]}@{key[1]}"),
    "items": (("sku",), _items, lambda key: f"item-{key[0]}"),
    "locations": (("location",), _locations, lambda key: f"location-{key[0]}"),
    "orders": (("order_id",), _orders, lambda key: f"order-{key[0]}"),
    "charges": (("charge_id",), _charges, lambda key: f"charge-{key[0]}"),
}


def read(connection: psycopg.Connection, entry: CatalogueEntry, result: LawResult) -> TablesCheck:
    tables = []
    for logical, name in entry.places.items():
        key_columns, cells, stream_of = _TABLES[logical]
        table = Table(name=f"table {name} in Postgres", cells=cells, stream_of=stream_of)
        for row in _rows(connection, name):
            key = tuple(row[column] for column in key_columns)
            table.found.setdefault(row["ledger"], {})[key] = row
        tables.append(table)
    return TablesCheck(
        name=entry.projection,
        result=result,
        positions=ledger_positions(connection, entry),
        parked=parked(connection, entry),
        tables=tables,
    )


def _rows(connection: psycopg.Connection, table: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        statement = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
        return cursor.execute(statement).fetchall()
