"""An independent fold of stock: what each event does to one SKU at one location, and law 4 at every prefix."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Data = dict[str, Any]


@dataclass(slots=True)
class Deltas:
    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    held: int = 0


def deltas(kind: str, data: Data) -> Deltas:
    """Signed units by which one `stock.*` event moves each quantity."""
    match kind:
        case "stock.received.v1" | "stock.discrepancy_found.v1":
            return Deltas(on_hand=data["quantity"])
        case "stock.adjusted.v1" | "stock.count_restated.v1":
            return Deltas(on_hand=data["delta"])
        case "stock.counted.v1":
            return Deltas(on_hand=data["counted"] - data["expected"])
        case "stock.reserved.v1":
            return Deltas(reserved=data["quantity"])
        case "stock.reservation_released.v1" | "stock.reservation_expired.v1":
            return Deltas(reserved=-data["quantity"])
        case "stock.committed.v1":
            return Deltas(committed=data["quantity"])
        case "stock.commitment_released.v1":
            return Deltas(committed=-data["quantity"])
        case "stock.shipped.v1":
            quantity = data["quantity"]
            return Deltas(
                on_hand=-quantity,
                committed=-quantity if data.get("order_id") is not None else 0,
                reserved=-quantity if data.get("reservation_id") is not None else 0,
            )
        case "stock.returned.v1":
            damaged = data.get("to", "stock") == "damaged"
            return Deltas(on_hand=data["quantity"], held=data["quantity"] if damaged else 0)
        case "stock.shortfall_stated.v1":
            return Deltas()
    raise ValueError(f"unknown stock event {kind}")


@dataclass(slots=True)
class Stock:
    """Units of one SKU at one location, as the log's prefix so far makes them."""

    sku: str
    location: str
    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    picked: int = 0
    held: int = 0
    shortfall: int = 0
    allowance: int = 0
    last_counted_at: datetime | None = None
    position: int = 0
    recorded_at: datetime | None = None
    reservations: dict[str, int] = field(default_factory=dict)
    commitments: dict[tuple[str, int], int] = field(default_factory=dict)
    overclosed: str = ""

    @property
    def promised(self) -> int:
        return self.reserved + self.committed + self.picked + self.held

    @property
    def uncovered(self) -> int:
        return max(0, self.promised - self.on_hand - self.allowance)

    def apply(self, kind: str, data: Data, occurred_at: datetime) -> Deltas:
        moved = deltas(kind, data)
        self.on_hand += moved.on_hand
        self.reserved += moved.reserved
        self.committed += moved.committed
        self.held += moved.held
        self._track_promise(kind, data, moved)
        if kind == "stock.counted.v1" and (
            self.last_counted_at is None or occurred_at > self.last_counted_at
        ):
            self.last_counted_at = occurred_at
        if kind == "stock.shortfall_stated.v1":
            self.shortfall = data["uncovered"]
        return moved

    def _track_promise(self, kind: str, data: Data, moved: Deltas) -> None:
        if kind in ("stock.reserved.v1", "stock.committed.v1"):
            self.allowance = data.get("backorder_limit", 0)
        if moved.reserved:
            self._close(self.reservations, data["reservation_id"], moved.reserved)
        if moved.committed:
            self._close(self.commitments, (data["order_id"], data["line"]), moved.committed)

    def _close(self, promises: dict[Any, int], name: object, delta: int) -> None:
        """Drops a promise that is down to 0; remembers the first one closed for more than it held."""
        units = promises.pop(name, 0) + delta
        if units < 0 and not self.overclosed:
            self.overclosed = f"{name} by {-units}"
        if units:
            promises[name] = units
