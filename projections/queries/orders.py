"""Questions to `orders`: orders with their lines, and charges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import TupleRow, class_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`lines`: [{line, sku, location, quantity, unit_price_micros, shipped}], with `is_kit` or
    `part_of` where kits are. `progress` is empty as long as status and lines tell everything:
    {terms, allotments, picks, parcels, shipments, returns, sourced, payment_id, replacements}.
    `placed_position` orders the pages; `position` and `recorded_at` are of the event that last
    changed it.
    """

    order_id: str
    status: str
    customer: str | None
    currency: str
    placed_at: datetime
    shipped_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    units: int
    total_micros: int
    lines: Sequence[Mapping[str, Any]]
    progress: Mapping[str, Any]
    placed_position: int
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    charge_id: str
    code: str
    description: str
    quantity: int
    unit_price_micros: int
    currency: str
    order_id: str | None
    occurred_at: datetime
    position: int
    recorded_at: datetime


ORDERS = """
SELECT order_id, status, customer, currency, placed_at, shipped_at, cancelled_at, cancel_reason,
       units, total_micros, lines, progress, placed_position, position, recorded_at
  FROM {orders}
"""
CHARGES = """
SELECT charge_id, code, description, quantity, unit_price_micros, currency, order_id,
       occurred_at, position, recorded_at
  FROM {charges} WHERE ledger = %(ledger)s AND order_id = %(order_id)s ORDER BY charge_id
"""
PLACED_SINCE = """
SELECT count(*) FROM {orders} WHERE ledger = %(ledger)s AND placed_position > %(position)s
"""


def order(
    connection: Connection[TupleRow], places: Mapping[str, str], ledger: str, order_id: str
) -> Order | None:
    """One order, None when it is unknown."""
    values = {"ledger": ledger, "order_id": order_id}
    where = " WHERE ledger = %(ledger)s AND order_id = %(order_id)s"
    found = _orders(connection, ORDERS + where, places, values)
    return found[0] if found else None


def orders(
    connection: Connection[TupleRow],
    places: Mapping[str, str],
    ledger: str,
    *,
    status: str | None = None,
    customer: str | None = None,
    after: int | None = None,
    limit: int,
) -> list[Order]:
    """A page of orders, the newest first. `after` is the last page's lowest placed_position."""
    conditions = ["ledger = %(ledger)s"]
    values: dict[str, Any] = {"ledger": ledger, "limit": limit}
    for column, value in (("status", status), ("customer", customer)):
        if value is not None:
            conditions.append(f"{column} = %({column})s")
            values[column] = value
    if after is not None:
        conditions.append("placed_position < %(after)s")
        values["after"] = after
    where = f" WHERE {' AND '.join(conditions)} ORDER BY placed_position DESC LIMIT %(limit)s"
    return _orders(connection, ORDERS + where, places, values)


def charges(
    connection: Connection[TupleRow], places: Mapping[str, str], ledger: str, order_id: str
) -> list[Charge]:
    """The charges that name an order."""
    values = {"ledger": ledger, "order_id": order_id}
    with connection.cursor(row_factory=class_row(Charge)) as cursor:
        return cursor.execute(_filled(CHARGES, places), values).fetchall()


def placed_since(
    connection: Connection[TupleRow], places: Mapping[str, str], ledger: str, position: int
) -> int:
    """How many orders were placed after a position."""
    values = {"ledger": ledger, "position": position}
    return int(connection.execute(_filled(PLACED_SINCE, places), values).fetchall()[0][0])


def _orders(
    connection: Connection[TupleRow],
    statement: str,
    places: Mapping[str, str],
    values: Mapping[str, Any],
) -> list[Order]:
    with connection.cursor(row_factory=class_row(Order)) as cursor:
        found = cursor.execute(_filled(statement, places), values).fetchall()
    # Stored as numeric, since it may pass 64 bits; it is a whole number all the same.
    return [replace(order, total_micros=int(order.total_micros)) for order in found]


def _filled(statement: str, places: Mapping[str, str]) -> sql.Composed:
    names = {logical: sql.Identifier(table) for logical, table in places.items()}
    return sql.SQL(statement).format(**names)
