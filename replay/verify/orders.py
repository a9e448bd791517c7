"""An independent fold of orders and charges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replay.verify.rows import EventRow

Cell = dict[str, Any]


@dataclass(slots=True)
class Order:
    order_id: str
    customer: str | None
    currency: str
    placed_at: datetime
    lines: dict[int, Cell]
    status: str = "placed"
    shipped_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    position: int = 0
    recorded_at: datetime | None = None

    @classmethod
    def placed(cls, row: EventRow, data: dict[str, Any]) -> Order:
        return cls(
            order_id=data["order_id"],
            customer=data.get("customer"),
            currency=data.get("currency", "XXX"),
            placed_at=row.occurred_at,
            lines={
                line["line"]: {
                    "line": line["line"],
                    "sku": line["sku"],
                    "location": line["location"],
                    "quantity": line["quantity"],
                    "unit_price_micros": line.get("unit_price_micros", 0),
                    "shipped": 0,
                }
                for line in data["lines"]
            },
            position=row.position,
            recorded_at=row.recorded_at,
        )

    def apply(self, row: EventRow, data: dict[str, Any]) -> None:
        self.position = row.position
        self.recorded_at = row.recorded_at
        match row.type:
            case "order.allocated.v1":
                self.status = "allocated"
            case "order.shipped.v1":
                for shipped in data["lines"]:
                    self.lines[shipped["line"]]["shipped"] += shipped["quantity"]
                open_lines = any(x["shipped"] < x["quantity"] for x in self.lines.values())
                self.status = "partly_shipped" if open_lines else "shipped"
                self.shipped_at = row.occurred_at
            case "order.cancelled.v1":
                self.status = "cancelled"
                self.cancelled_at = row.occurred_at
                self.cancel_reason = data.get("reason", "")
            case _:
                raise ValueError(f"unknown order event {row.type}")

    @property
    def units(self) -> int:
        return sum(line["quantity"] for line in self.lines.values())

    @property
    def total_micros(self) -> int:
        return sum(x["quantity"] * x["unit_price_micros"] for x in self.lines.values())


def charge_cell(row: EventRow, data: dict[str, Any]) -> Cell:
    return {
        "description": "",
        "order_id": None,
        **data,
        "occurred_at": row.occurred_at,
        "position": row.position,
        "recorded_at": row.recorded_at,
    }
