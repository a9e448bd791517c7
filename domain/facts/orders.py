"""Stream `order-<id>`: what a customer wants and gets."""

from __future__ import annotations

from dataclasses import dataclass

from domain.construction import made_often


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    line: int
    sku: str
    location: str
    quantity: int
    unit_price_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    order_id: str
    customer: str | None = None
    currency: str = "XXX"
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAllocated:
    """Every line of the order is committed: all of them or none."""

    order_id: str


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedLine:
    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped:
    order_id: str
    lines: tuple[ShippedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    order_id: str
    reason: str = ""
