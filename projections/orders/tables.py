"""The tables of `orders`, read and written by one statement per table and batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import msgspec
from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from projections.arrays import text_array
from projections.orders.fold import ChargeFact, Order, OrderKey
from projections.orders.progress import Document, Line

READ_ORDERS = """
SELECT tenant, ledger, order_id, status, customer, currency, placed_at, shipped_at, cancelled_at,
       cancel_reason, units, total_micros, lines::text, progress::text, placed_position, position,
       recorded_at
  FROM {orders} JOIN unnest(%s::text[], %s::text[]) AS wanted (ledger, order_id)
       USING (ledger, order_id)
"""
WRITE_ORDERS = """
INSERT INTO {orders}
       (tenant, ledger, order_id, status, customer, currency, placed_at, shipped_at, cancelled_at,
        cancel_reason, units, total_micros, lines, progress, placed_position, position, recorded_at)
SELECT tenant, ledger, order_id, status, customer, currency, placed_at, shipped_at, cancelled_at,
       cancel_reason, units, total_micros, lines, progress, placed_position, position, recorded_at
  FROM json_to_recordset(%s::json)
       AS new (tenant text, ledger text, order_id text, status text, customer text, currency text,
               placed_at timestamptz, shipped_at timestamptz, cancelled_at timestamptz,
               cancel_reason text, units bigint, total_micros numeric, lines jsonb,
               progress jsonb, placed_position bigint, position bigint, recorded_at timestamptz)
    ON CONFLICT (ledger, order_id) DO UPDATE
   SET status = excluded.status, customer = excluded.customer, currency = excluded.currency,
       placed_at = excluded.placed_at, shipped_at = excluded.shipped_at,
       cancelled_at = excluded.cancelled_at, cancel_reason = excluded.cancel_reason,
       units = excluded.units, total_micros = excluded.total_micros, lines = excluded.lines,
       progress = excluded.progress,
       placed_position = excluded.placed_position, position = excluded.position,
       recorded_at = excluded.recorded_at
"""
WRITE_CHARGES = """
INSERT INTO {charges}
       (tenant, ledger, charge_id, code, description, quantity, unit_price_micros, currency,
        order_id, occurred_at, position, recorded_at)
SELECT tenant, ledger, charge_id, code, description, quantity, unit_price_micros, currency,
       order_id, occurred_at, position, recorded_at
  FROM json_to_recordset(%s::json)
       AS new (tenant text, ledger text, charge_id text, code text, description text,
               quantity bigint, unit_price_micros bigint, currency text, order_id text,
               occurred_at timestamptz, position bigint, recorded_at timestamptz)
    ON CONFLICT (ledger, charge_id) DO UPDATE
   SET code = excluded.code, description = excluded.description, quantity = excluded.quantity,
       unit_price_micros = excluded.unit_price_micros, currency = excluded.currency,
       order_id = excluded.order_id, occurred_at = excluded.occurred_at,
       position = excluded.position, recorded_at = excluded.recorded_at
"""
_decode_lines = msgspec.json.Decoder(list[Line]).decode
_decode_progress = msgspec.json.Decoder(Document).decode


def places(version: int) -> dict[str, str]:
    """The names of a version's tables."""
    return {name: f"{name}_v{version}" for name in ("orders", "charges")}


class Tables:
    """`orders`, `charges`: the names of this version's tables."""

    def __init__(self, *, orders: str, charges: str) -> None:
        self.names = (orders, charges)
        self._names = {"orders": sql.Identifier(orders), "charges": sql.Identifier(charges)}

    def read_orders(
        self, connection: Connection[TupleRow], keys: Sequence[OrderKey]
    ) -> dict[OrderKey, Order]:
        """Those of the orders that have a row."""
        if not keys:
            return {}
        ledgers, order_ids = zip(*keys, strict=True)
        wanted = (text_array(ledgers), text_array(order_ids))
        rows = self._execute(connection, READ_ORDERS, *wanted).fetchall()
        orders = (_order(row) for row in rows)
        return {(order.ledger, order.order_id): order for order in orders}

    def write_orders(self, connection: Connection[TupleRow], orders: Iterable[Order]) -> None:
        rows = sorted(orders, key=lambda order: (order.ledger, order.order_id))
        if rows:
            # Sums may pass 64 bits, which the encoder refuses as a number.
            documents = [_document(row) | {"total_micros": str(row.total_micros)} for row in rows]
            self._execute(connection, WRITE_ORDERS, _json(documents))

    def write_charges(self, connection: Connection[TupleRow], facts: Iterable[ChargeFact]) -> None:
        last = {(event.ledger, fact.charge_id): (event, fact) for event, fact in facts}
        documents = [
            _document(fact)
            | {
                "tenant": event.tenant,
                "ledger": event.ledger,
                "occurred_at": event.occurred_at,
                "position": event.ledger_position,
                "recorded_at": event.recorded_at,
            }
            for _, (event, fact) in sorted(last.items())
        ]
        if documents:
            self._execute(connection, WRITE_CHARGES, _json(documents))

    def _execute(
        self, connection: Connection[TupleRow], statement: str, *values: object
    ) -> Cursor[TupleRow]:
        return connection.execute(sql.SQL(statement).format(**self._names), values)


def _order(row: TupleRow) -> Order:
    values = dict(zip((field.name for field in fields(Order)), row, strict=True))
    values["total_micros"] = int(values["total_micros"])
    values["lines"] = _decode_lines(values["lines"])
    values["progress"] = _decode_progress(values["progress"])
    return Order(**values)


def _document(row: object) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in fields(row)}  # type: ignore[arg-type]


def _json(documents: list[dict[str, object]]) -> str:
    return msgspec.json.encode(documents).decode()
