"""The tables of the read models in Postgres: their columns, and what the fold says of each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from replay.verify.documents.fold import Document
from replay.verify.documents.kinds import KINDS
from replay.verify.ledger import Described, LedgerFold
from replay.verify.orders import Order
from replay.verify.stock import Stock

Key = Any  # an id, or a pair of them
Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table's columns, and what the fold says of them.

    `aggregates`: whose streams it has a row for each of. With `by_kind` its key is the aggregate
    and the id behind it, otherwise the one or two ids alone.
    """

    keys: tuple[str, ...]
    columns: tuple[str, ...]
    aggregates: tuple[str, ...]
    cells: Callable[[LedgerFold], Mapping[Key, Any]]
    values: Callable[[Any], Values]
    by_kind: bool = False

    def key_of(self, stream: str) -> Key | None:
        """Whose cell a stream's events make; None when another table shows them."""
        aggregate, _, name = stream.partition("-")
        if aggregate not in self.aggregates:
            return None
        if self.by_kind:
            return aggregate, name
        return tuple(name.split("@")) if len(self.keys) > 1 else name

    def shown(self, key: Key) -> str:
        """For people."""
        if isinstance(key, tuple):
            return (" " if self.by_kind else " at ").join(key)
        return str(key)

    def stream_of(self, key: tuple[str, ...]) -> str:
        """The opposite, of a key's columns."""
        return "-".join(key) if self.by_kind else f"{self.aggregates[0]}-{'@'.join(key)}"


def _stock(stock: Stock) -> Values:
    return (
        stock.on_hand,
        stock.reserved,
        stock.committed,
        stock.picked,
        stock.held,
        stock.shortfall,
        stock.last_counted_at,
        stock.position,
        stock.recorded_at,
    )


def _order(order: Order) -> Values:
    return (
        order.status,
        order.customer,
        order.currency,
        order.placed_at,
        order.shipped_at,
        order.cancelled_at,
        order.cancel_reason,
        order.units,
        order.total_micros,
        [line.cell() for line in order.lines.values()],
        order.shown_progress(),
        order.placed_position,
        order.position,
        order.recorded_at,
    )


def _document(document: Document) -> Values:
    return (
        document.fold.status(),
        sorted(set(document.fold.refs())),
        # What it is now: the fold goes on with its parts.
        msgspec.json.decode(msgspec.json.encode(document.fold.body())),
        document.opened_at,
        document.opened_position,
        document.position,
        document.recorded_at,
    )


def _fields(defaults: Mapping[str, Any], *envelope: str) -> Callable[[Described], Values]:
    def values(described: Described) -> Values:
        told = {**defaults, **described.fields}
        fields = [told[name] for name in defaults]
        return *fields, *(getattr(described, name) for name in envelope)

    return values


ITEM: Mapping[str, Any] = {
    "name": None,
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
LOCATION: Mapping[str, Any] = {
    "name": None,
    "type": "warehouse",
    "latitude_microdegrees": None,
    "longitude_microdegrees": None,
}
CHARGE: Mapping[str, Any] = {
    "code": None,
    "description": "",
    "quantity": None,
    "unit_price_micros": None,
    "currency": None,
    "order_id": None,
}
LEVELS: tuple[str, ...] = ("on_hand", "reserved", "committed", "picked", "held")
ORDER: tuple[str, ...] = (
    "status", "customer", "currency", "placed_at", "shipped_at", "cancelled_at", "cancel_reason",
    "units", "total_micros", "lines", "progress", "placed_position",
)  # fmt: skip
DOCUMENT = ("status", "refs", "body", "opened_at", "opened_position")
SHAPES: Mapping[str, Shape] = {
    "stock_levels": Shape(
        keys=("sku", "location"),
        columns=(*LEVELS, "shortfall", "last_counted_at", "position", "recorded_at"),
        aggregates=("stock",),
        cells=lambda fold: fold.stocks,
        values=_stock,
    ),
    "items": Shape(
        keys=("sku",),
        columns=(*ITEM, "status", "position", "recorded_at"),
        aggregates=("item",),
        cells=lambda fold: fold.items,
        values=_fields(ITEM, "status", "position", "recorded_at"),
    ),
    "locations": Shape(
        keys=("location",),
        columns=(*LOCATION, "position", "recorded_at"),
        aggregates=("location",),
        cells=lambda fold: fold.locations,
        values=_fields(LOCATION, "position", "recorded_at"),
    ),
    "orders": Shape(
        keys=("order_id",),
        columns=(*ORDER, "position", "recorded_at"),
        aggregates=("order",),
        cells=lambda fold: fold.orders,
        values=_order,
    ),
    "charges": Shape(
        keys=("charge_id",),
        columns=(*CHARGE, "occurred_at", "position", "recorded_at"),
        aggregates=("charge",),
        cells=lambda fold: fold.charges,
        values=_fields(CHARGE, "occurred_at", "position", "recorded_at"),
    ),
    "documents": Shape(
        keys=("kind", "id"),
        columns=(*DOCUMENT, "position", "recorded_at"),
        aggregates=tuple(KINDS),
        cells=lambda fold: fold.documents,
        values=_document,
        by_kind=True,
    ),
}
