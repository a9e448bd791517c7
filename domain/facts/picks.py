"""Stream `stock-<sku>@<location>`: promised units taken from the shelf, put back, or sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StockPicked:
    """Units committed to an order line were taken from the shelf: they are picked instead."""

    sku: str
    location: str
    order_id: str
    line: int
    quantity: int
    pick_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockUnpicked:
    """Picked units were put back on the shelf and are committed to their order line again."""

    sku: str
    location: str
    order_id: str
    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedShipped:
    """Picked units left: on hand and picked go down."""

    sku: str
    location: str
    quantity: int
    order_id: str
    line: int
    shipment_id: str
    unit_price_micros: int | None = None
    currency: str | None = None
