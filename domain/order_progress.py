"""How far an order has come where its lines alone do not say it: what of each line is committed,
picked, packed, waiting and shipped at which location, and its lists, parcels, shipments, returns.

An order that is allocated and shipped where its lines say needs none of this: it has no progress
until something else happens to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, NamedTuple

from domain.construction import made_often
from domain.events import (
    ConsideredLocation,
    InspectedLine,
    LineQuantity,
    OrderShipped,
    OrderUnits,
    PickedLine,
    ShippedLine,
    Strategy,
)
from domain.streams import stock_stream


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """Units of one line at one location. `committed` are promised and still on the shelf, `picked`
    loose ones, `packed` those in parcels that have not left; `waiting` promise nothing.
    """

    line: int
    sku: str
    location: str
    committed: int = 0
    picked: int = 0
    packed: int = 0
    waiting: int = 0
    shipped: int = 0

    @property
    def stock_stream(self) -> str:
        return stock_stream(self.sku, self.location)

    @property
    def held(self) -> int:
        """What the stock holds for it."""
        return self.committed + self.picked + self.packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """The latest choice of locations."""

    strategy: Strategy
    reason: str
    considered: tuple[ConsideredLocation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickList:
    pick_id: str
    location: str
    lines: tuple[LineQuantity, ...]
    status: Literal["open", "picked", "cancelled"] = "open"
    picked: tuple[PickedLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    parcel_id: str
    location: str
    lines: tuple[LineQuantity, ...]
    status: Literal["packed", "shipped", "unpacked"] = "packed"
    shipment_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    shipment_id: str
    carrier: str = ""
    tracking: str = ""
    lines: tuple[OrderUnits, ...]
    status: Literal["shipped", "delivered", "cancelled"] = "shipped"
    shipped_at: datetime
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    return_id: str
    lines: tuple[LineQuantity, ...]
    reason: str = ""
    inspected: tuple[InspectedLine, ...] = ()

    def due(self) -> dict[int, int]:
        """Units of each line that nobody has looked at yet."""
        left = {each.line: each.quantity for each in self.lines}
        for seen in self.inspected:
            left[seen.line] -= seen.quantity
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Everything under its id; `allotments` under `allotment_key`."""

    allotments: dict[str, Allotment] = field(default_factory=dict)
    picks: dict[str, PickList] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    shipments: dict[str, Shipment] = field(default_factory=dict)
    returns: dict[str, Return] = field(default_factory=dict)
    sourced: Sourced | None = None
    payment_id: str | None = None
    replacements: tuple[str, ...] = ()

    def at(self, line: int, location: str) -> Allotment | None:
        return self.allotments.get(allotment_key(line, location))

    def listed(self) -> dict[str, int]:
        """Units on open pick lists, by `allotment_key`."""
        found: dict[str, int] = {}
        for pick in self.picks.values():
            for each in pick.lines if pick.status == "open" else ():
                key = allotment_key(each.line, pick.location)
                found[key] = found.get(key, 0) + each.quantity
        return found

    def coming_back(self) -> dict[int, int]:
        """Units of each line that are in a return and were not refused."""
        found: dict[int, int] = {}
        for back in self.returns.values():
            for each in back.lines:
                found[each.line] = found.get(each.line, 0) + each.quantity
            for seen in back.inspected:
                if seen.outcome == "refuse":
                    found[seen.line] -= seen.quantity
        return found


class Taken(NamedTuple):
    """Where the units of a shipped line come from."""

    line: int
    location: str
    packed: int
    picked: int
    committed: int


def allotment_key(line: int, location: str) -> str:
    """No location holds an `@`."""
    return f"{line}@{location}"


def taken(progress: Progress, event: OrderShipped, homes: Mapping[int, str | None]) -> list[Taken]:
    """The one rule of what a shipment takes: the parcels it names, then loose picked units, then
    committed ones. `homes`: the location each line names itself.
    """
    packed: dict[str, int] = {}
    for parcel in (progress.parcels[name] for name in event.parcels if name in progress.parcels):
        for each in parcel.lines:
            key = allotment_key(each.line, parcel.location)
            packed[key] = packed.get(key, 0) + each.quantity
    found = []
    for shipped in event.lines:
        location = shipped.location or homes[shipped.line] or ""
        key = allotment_key(shipped.line, location)
        whole = packed.get(key, 0)
        allotment = progress.allotments.get(key)
        loose = min(shipped.quantity - whole, allotment.picked if allotment else 0)
        rest = shipped.quantity - whole - loose
        found.append(Taken(shipped.line, location, whole, loose, rest))
    return found


class MovingAllotments:
    """Allotments while units are moved between their quantities; none is left without any unit."""

    __slots__ = ("_skus", "found")

    def __init__(self, progress: Progress, skus: Mapping[int, str]) -> None:
        self.found = progress.allotments.copy()
        self._skus = skus

    def move(self, line: int, location: str, **units: int) -> None:
        """Signed units by quantity."""
        key = allotment_key(line, location)
        known = self.found.get(key)
        if known is None:
            known = Allotment(line=line, sku=self._skus.get(line, ""), location=location)
        changed = replace(known, **{name: getattr(known, name) + n for name, n in units.items()})
        if changed.held or changed.waiting or changed.shipped:
            self.found[key] = changed
        else:
            self.found.pop(key, None)

    def let_go(self) -> None:
        """Everything but what was shipped."""
        for key, known in list(self.found.items()):
            if known.shipped:
                self.found[key] = Allotment(
                    line=known.line,
                    sku=known.sku,
                    location=known.location,
                    shipped=known.shipped,
                )
            else:
                del self.found[key]


def shipped_units(
    lines: Iterable[ShippedLine], homes: Mapping[int, str | None]
) -> Iterator[OrderUnits]:
    """Shipped lines with the location each came from."""
    for each in lines:
        location = each.location or homes.get(each.line) or ""
        yield OrderUnits(line=each.line, location=location, quantity=each.quantity)
