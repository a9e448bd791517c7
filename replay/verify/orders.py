"""An independent fold of orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from sys import intern

import msgspec

from replay.verify.rows import EventRow
from replay.verify.stock import Data


class Line(msgspec.Struct, gc=False, kw_only=True):
    """`committed` is what its stock still holds for it, by the stock's own events."""

    line: int
    sku: str
    location: str
    quantity: int
    unit_price_micros: int
    shipped: int = 0
    committed: int = 0

    def cell(self) -> tuple[int, str, str, int, int, int]:
        """As the read model shows it."""
        price, shipped = self.unit_price_micros, self.shipped
        return self.line, self.sku, self.location, self.quantity, price, shipped


@dataclass(slots=True, eq=False, kw_only=True)
class Order:
    order_id: str
    customer: str | None
    currency: str
    lines: dict[int, Line]
    status: str = "placed"
    placed_at: datetime
    shipped_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    placed_position: int
    position: int
    recorded_at: datetime

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines.values())

    @property
    def total_micros(self) -> int:
        return sum(line.quantity * line.unit_price_micros for line in self.lines.values())

    @property
    def holds(self) -> bool:
        """Whether what it has not shipped is committed to it."""
        return self.status in ("allocated", "partly_shipped")

    def apply(self, row: EventRow, data: Data) -> None:
        """Raises KeyError or ValueError for what no version of the event holds."""
        self.position = row.position
        self.recorded_at = row.recorded_at
        match row.type:
            case "order.allocated.v1":
                self.status = "allocated"
            case "order.shipped.v1":
                for shipped in data["lines"]:
                    self.lines[shipped["line"]].shipped += shipped["quantity"]
                whole = all(line.shipped >= line.quantity for line in self.lines.values())
                self.status = "shipped" if whole else "partly_shipped"
                self.shipped_at = row.occurred_at
            case "order.cancelled.v1":
                self.status = "cancelled"
                self.cancelled_at = row.occurred_at
                self.cancel_reason = data.get("reason", "")
            case _:
                raise ValueError(f"unknown order event {row.type}")


def placed(row: EventRow, data: Data) -> Order:
    """The order that an `order.placed.v1` begins."""
    lines = (
        Line(
            line=line["line"],
            sku=intern(line["sku"]),
            location=intern(line["location"]),
            quantity=line["quantity"],
            unit_price_micros=line.get("unit_price_micros", 0),
        )
        for line in data["lines"]
    )
    return Order(
        order_id=data["order_id"],
        customer=data.get("customer"),
        currency=data.get("currency", "XXX"),
        lines={line.line: line for line in lines},
        placed_at=row.occurred_at,
        placed_position=row.position,
        position=row.position,
        recorded_at=row.recorded_at,
    )
