"""An independent fold of orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import Any

import msgspec

from replay.verify.order_progress import Key, Progress, terms
from replay.verify.rows import EventRow
from replay.verify.stock import Data

PLACED = ("order.placed.v1", "order.placed.v2")
SHIPPED = ("order.shipped.v1", "order.shipped.v2")
ENDED = {"order.cancelled.v1": "cancelled", "order.closed.v1": "closed"}


class Line(msgspec.Struct, gc=False, kw_only=True):
    line: int
    sku: str
    location: str | None
    quantity: int
    unit_price_micros: int
    shipped: int = 0
    is_kit: bool = False
    part_of: int | None = None

    @property
    def left(self) -> int:
        return 0 if self.is_kit else self.quantity - self.shipped

    def cell(self) -> dict[str, Any]:
        """As the read model shows it."""
        shown: dict[str, Any] = {
            "line": self.line,
            "sku": self.sku,
            "location": self.location,
            "quantity": self.quantity,
            "unit_price_micros": self.unit_price_micros,
            "shipped": self.shipped,
        }
        if self.is_kit:
            shown["is_kit"] = True
        if self.part_of is not None:
            shown["part_of"] = self.part_of
        return shown


@dataclass(slots=True, eq=False, kw_only=True)
class Order:
    """`held`, `in_hand` and `queued` are what the stocks hold for its lines by their own events;
    `progress` is None while status and lines tell what they should.
    """

    order_id: str
    customer: str | None
    currency: str
    lines: dict[int, Line]
    terms: Data
    progress: Progress | None = None
    status: str = "placed"
    placed_at: datetime
    shipped_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    placed_position: int
    position: int
    recorded_at: datetime
    held: dict[Key, int] = field(default_factory=dict)
    in_hand: dict[Key, int] = field(default_factory=dict)
    queued: dict[Key, int] = field(default_factory=dict)

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines.values() if not line.is_kit)

    @property
    def total_micros(self) -> int:
        return sum(line.quantity * line.unit_price_micros for line in self.lines.values())

    def shown_progress(self) -> Data:
        found: Data = {"terms": self.terms} if self.terms else {}
        return found if self.progress is None else found | self.progress.shown()

    def should_hold(self) -> dict[Key, int]:
        """Units by line and location that the stocks must hold for it."""
        if self.progress is not None:
            return self.progress.held()
        if self.status not in ("allocated", "partly_shipped"):
            return {}
        return {
            (line.line, line.location or ""): line.left for line in self.lines.values() if line.left
        }

    def apply(self, row: EventRow, data: Data) -> None:
        """Raises KeyError or ValueError for what no version of the event holds."""
        self.position = row.position
        self.recorded_at = row.recorded_at
        if self.progress is None and not self._plainly(row.type, data):
            self.progress = self._begun()
        if self.progress is not None:
            self._advance(row, data)
        if row.type in SHIPPED:
            self.shipped_at = row.occurred_at
        elif row.type in ENDED:
            self.status = ENDED[row.type]
            self.cancelled_at = row.occurred_at
            self.cancel_reason = data.get("reason", "")

    def _plainly(self, kind: str, data: Data) -> bool:
        """Fold what status and lines can show; whether they can."""
        match kind:
            case "order.allocated.v1":
                self.status = "allocated"
            case "order.shipped.v1" | "order.shipped.v2":
                if data.get("shipment_id") is not None or data.get("parcels"):
                    return False
                for shipped in data["lines"]:
                    self.lines[shipped["line"]].shipped += shipped["quantity"]
                whole = not any(line.left > 0 for line in self.lines.values())
                self.status = "shipped" if whole else "partly_shipped"
            case "order.cancelled.v1":
                pass
            case _:
                return False
        return True

    def _begun(self) -> Progress:
        progress = Progress(
            {line.line: line.sku for line in self.lines.values()},
            {line.line: line.location for line in self.lines.values() if not line.is_kit},
        )
        for (line, location), units in self.should_hold().items():
            progress.move(line, location, committed=units)
        for known in self.lines.values():
            if known.shipped:
                progress.move(known.line, known.location or "", shipped=known.shipped)
        return progress

    def _advance(self, row: EventRow, data: Data) -> None:
        progress = self.progress
        assert progress is not None, "it has begun"
        if row.type == "order.allocated.v1":
            progress.allocated({line.line: line.left for line in self.lines.values()})
        else:
            progress.apply(row.type, data, row.occurred_at)
        shipped = progress.shipped()
        for line in self.lines.values():
            line.shipped = shipped.get(line.line, 0)
        if self.status not in ENDED.values():
            self.status = self._status(progress)

    def _status(self, progress: Progress) -> str:
        left = sum(line.left for line in self.lines.values())
        held = sum(progress.held().values())
        if left <= 0:
            return "delivered" if self._is_delivered(progress) else "shipped"
        if any(line.shipped for line in self.lines.values()):
            return "partly_shipped"
        if held:
            return "allocated" if held >= left else "partly_allocated"
        return "backordered" if progress.waiting() else "placed"

    def _is_delivered(self, progress: Progress) -> bool:
        arrived: int = sum(
            units["quantity"]
            for shipment in progress.told["shipments"].values()
            if shipment["status"] == "delivered"
            for units in shipment["lines"]
        )
        return arrived >= sum(line.shipped for line in self.lines.values())


def placed(row: EventRow, data: Data) -> Order:
    """The order that an `order.placed` begins."""
    lines = (
        Line(
            line=line["line"],
            sku=intern(line["sku"]),
            location=None if line.get("location") is None else intern(line["location"]),
            quantity=line["quantity"],
            unit_price_micros=line.get("unit_price_micros", 0),
            is_kit=line.get("is_kit", False),
            part_of=line.get("part_of"),
        )
        for line in data["lines"]
    )
    return Order(
        order_id=data["order_id"],
        customer=data.get("customer"),
        currency=data.get("currency", "XXX"),
        lines={line.line: line for line in lines},
        terms=terms(data),
        placed_at=row.occurred_at,
        placed_position=row.position,
        position=row.position,
        recorded_at=row.recorded_at,
    )
