"""An independent fold of stock: what each stored event does to one SKU at one location."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from replay.verify.details import (
    CLOSED,
    EXPECTED,
    HELD,
    LET_GO,
    OF_DETAILS,
    PICKED,
    PICKED_SHIPPED,
    SERVED,
    TRACED,
    UNPICKED,
    WAITING,
    WRITTEN_OFF,
    Details,
)

Data = dict[str, Any]
Move = tuple[int, int, int, int, int]
"""Signed units by which on hand, reserved, committed, picked and held change."""
Uncovered = tuple[str, str, int | None, int]
"""A promise that loses units: kind, id, line, how many."""
RESERVED, COMMITTED = "stock.reserved.v1", "stock.committed.v1"
ADJUSTED_V1, ADJUSTED = "stock.adjusted.v1", "stock.adjusted.v2"
SHIPPED, RETURNED = "stock.shipped.v1", "stock.returned.v1"
COUNTED, RESTATED = "stock.counted.v1", "stock.count_restated.v1"
FOUND, STATED = "stock.discrepancy_found.v1", "stock.shortfall_stated.v1"
EXTENDED = "stock.reservation_extended.v1"


def _units(data: Data) -> int:
    units = data["quantity"]
    if type(units) is not int or units <= 0:
        raise ValueError(f"{units!r} is no number of units")
    return units


def _delta(data: Data) -> int:
    units = data["delta"]
    if type(units) is not int:
        raise TypeError(f"{units!r} is no number of units")
    return units


def _adjusted(data: Data) -> Move:
    units = _delta(data)
    return units, 0, 0, 0, units if data.get("condition", "stock") == "damaged" else 0


def _shipped(data: Data) -> Move:
    left = -_units(data)
    reserved = left if data.get("reservation_id") is not None else 0
    return left, reserved, left if data.get("order_id") is not None else 0, 0, 0


def _returned(data: Data) -> Move:
    units = _units(data)
    return units, 0, 0, 0, units if data.get("to", "stock") == "damaged" else 0


def _written_off(data: Data) -> Move:
    left = -_units(data)
    return left, 0, 0, 0, 0 if data.get("hold_id") is None else left


def _came(data: Data) -> Move:
    return _units(data), 0, 0, 0, 0


def _went(data: Data) -> Move:
    return -_units(data), 0, 0, 0, 0


def _nothing(data: Data) -> Move:
    if "quantity" in data:
        _units(data)
    return 0, 0, 0, 0, 0


MOVES: Mapping[str, Callable[[Data], Move]] = {
    "stock.received.v1": _came,
    ADJUSTED_V1: _adjusted,
    ADJUSTED: _adjusted,
    COUNTED: lambda data: (data["counted"] - data["expected"], 0, 0, 0, 0),
    RESTATED: lambda data: (_delta(data), 0, 0, 0, 0),
    FOUND: _came,
    RESERVED: lambda data: (0, _units(data), 0, 0, 0),
    EXTENDED: _nothing,
    "stock.reservation_released.v1": lambda data: (0, -_units(data), 0, 0, 0),
    "stock.reservation_expired.v1": lambda data: (0, -_units(data), 0, 0, 0),
    COMMITTED: lambda data: (0, 0, _units(data), 0, 0),
    "stock.commitment_released.v1": lambda data: (0, 0, -_units(data), 0, 0),
    SHIPPED: _shipped,
    RETURNED: _returned,
    STATED: lambda _: (0, 0, 0, 0, 0),
    PICKED: lambda data: (0, 0, -_units(data), _units(data), 0),
    UNPICKED: lambda data: (0, 0, _units(data), -_units(data), 0),
    PICKED_SHIPPED: lambda data: (-_units(data), 0, 0, -_units(data), 0),
    HELD: lambda data: (0, 0, 0, 0, _units(data)),
    LET_GO: lambda data: (0, 0, 0, 0, -_units(data)),
    WRITTEN_OFF: _written_off,
    EXPECTED: _nothing,
    CLOSED: _nothing,
    WAITING: _nothing,
    SERVED: _nothing,
    "stock.moved_out.v1": _went,
    "stock.moved_in.v1": _came,
    "stock.dispatched.v1": _went,
    "stock.arrived.v1": _came,
    "stock.consumed.v1": _went,
    "stock.produced.v1": _came,
    TRACED: lambda _: (0, 0, 0, 0, 0),
}


@dataclass(slots=True, kw_only=True)
class Count:
    """A count as its restatements have left it."""

    count_id: str
    occurred_at: datetime
    counted: int
    expected: int


@dataclass(slots=True, eq=False)
class Stock:
    """Units of one SKU at one location, as the log's prefix so far makes them.

    `promises` are the open ones, oldest first: (kind, id, line) to units. `counts` are in order of
    their own instants. `muddle` says which promise was made or closed twice, for the first time.
    `details` is None until the first event that speaks of any.
    """

    sku: str
    location: str
    stream: str
    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    picked: int = 0
    held: int = 0
    allowance: int = 0
    shortfall: int = 0
    stated: tuple[Uncovered, ...] = ()
    position: int = 0
    recorded_at: datetime | None = None
    moved_at: datetime | None = None
    last_counted_at: datetime | None = None
    promises: dict[tuple[str, str, int | None], int] = field(default_factory=dict)
    counts: list[Count] = field(default_factory=list)
    muddle: str = ""
    details: Details | None = None

    @property
    def name(self) -> str:
        return f"{self.sku} at {self.location}"

    @property
    def promised(self) -> int:
        return self.reserved + self.committed + self.picked + self.held

    @property
    def available(self) -> int:
        return self.on_hand - self.promised

    @property
    def uncovered(self) -> int:
        return max(0, self.promised - self.on_hand - self.allowance)

    def uncovered_promises(self) -> tuple[Uncovered, ...]:
        """Whose units are uncovered: the newest promise loses first."""
        left = self.uncovered
        named: list[Uncovered] = []
        for (kind, name, line), units in reversed(self.promises.items()):
            if left <= 0:
                break
            named.append((kind, name, line, min(left, units)))
            left -= units
        return tuple(named)

    def apply(self, kind: str, data: Data, occurred_at: datetime) -> Move:
        """Raises KeyError, TypeError or ValueError on what no version of the event holds."""
        moved = MOVES[kind](data)
        on_hand, reserved, committed, picked, held = moved
        if on_hand:
            self.on_hand += on_hand
            if self.moved_at is None or self.moved_at < occurred_at:
                self.moved_at = occurred_at
        if reserved:
            self.reserved += reserved
            self._promise(("reservation", data["reservation_id"], None), reserved, data)
        if committed or picked:
            self.committed += committed
            self.picked += picked
            # What is picked stays promised: only the rest of what moves makes or ends a promise.
            if committed + picked:
                self._promise(("order", data["order_id"], data["line"]), committed + picked, data)
        if held:
            self.held += held
        if kind in (COUNTED, RESTATED):
            self._count(kind, data, occurred_at)
        elif kind == STATED:
            self.shortfall = data["uncovered"]
            self.stated = tuple(
                (each["kind"], each["id"], each.get("line"), each["uncovered"])
                for each in data.get("promises", ())
            )
        elif kind in OF_DETAILS:
            self.details = self.details or Details()
            self.details.apply(kind, data)
        elif (
            kind == EXTENDED and ("reservation", data["reservation_id"], None) not in self.promises
        ):
            self.muddle = self.muddle or f"reservation {data['reservation_id']} extended unopened"
        return moved

    def _promise(self, name: tuple[str, str, int | None], units: int, data: Data) -> None:
        if units > 0:
            self.allowance = data.get("backorder_limit", 0)
            if name in self.promises and name[0] == "reservation":
                self.muddle = self.muddle or f"{name[0]} {name[1]} promised twice"
            self.promises[name] = self.promises.get(name, 0) + units
            return
        left = self.promises.get(name, 0) + units
        if left > 0:
            self.promises[name] = left
            return
        if left < 0:
            more = f"{name[0]} {name[1]} closed for {-left} units more than it held"
            self.muddle = self.muddle or more
        self.promises.pop(name, None)

    def _count(self, kind: str, data: Data, occurred_at: datetime) -> None:
        if kind == RESTATED:
            for count in self.counts:
                if count.count_id == data["count_id"]:
                    count.expected = data["expected"]
            return
        if self.last_counted_at is None or self.last_counted_at < occurred_at:
            self.last_counted_at = occurred_at
        place = len(self.counts)
        while place and self.counts[place - 1].occurred_at > occurred_at:
            place -= 1
        count = Count(
            count_id=data["count_id"],
            occurred_at=occurred_at,
            counted=data["counted"],
            expected=data["expected"],
        )
        self.counts.insert(place, count)
