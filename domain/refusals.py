"""Why a command was refused: values with fields, never exceptions.

Each has a stable `code` (what machines match on), its fields, and a `sentence()` that names the
thing and the remedy. An order's refusal is its first bad line's; `also` holds those of the other
bad lines, so that all of them can be put right at once.

    items       UnknownItem ItemExists ItemDiscontinuedAlready TrackingFixed
    locations   UnknownLocation LocationExists
    stock       InsufficientStock CountExists
    promises    UnknownReservation ReservationExists ReservationClosed ReservationNotDue
                ReservationExpiryPast ExceedsReserved
    orders      UnknownOrder OrderExists OrderState UnknownOrderLine DuplicateLine ExceedsCommitted
                NothingToShip
    charges     ChargeExists
    any         VersionMismatch
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from datetime import datetime
from typing import ClassVar, Literal

Ending = Literal["released", "expired", "shipped"]
OrderStatus = Literal[
    "placed",
    "backordered",
    "partly_allocated",
    "allocated",
    "partly_shipped",
    "shipped",
    "delivered",
    "closed",
    "cancelled",
]
OrderStep = Literal[
    "allocated",
    "paid",
    "picked",
    "packed",
    "shipped",
    "delivered",
    "cancelled",
    "closed",
    "returned",
    "exchanged",
    "refunded",
]


class Refusal(ABC):
    __slots__ = ()
    code: ClassVar[str]

    @abstractmethod
    def sentence(self) -> str:
        """One sentence for a person."""

    def fields(self) -> dict[str, object]:
        """The fields that say something; refusals inside become `{"code", "detail", …}`."""
        found: dict[str, object] = {}
        for field in fields(self):  # type: ignore[arg-type] # every subclass is a dataclass
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                value = [_told(inner) for inner in value]
            if value not in (None, []):
                found[field.name] = value
        return found


def _told(value: object) -> object:
    if isinstance(value, Refusal):
        return {"code": value.code, "detail": value.sentence(), **value.fields()}
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownItem(Refusal):
    code: ClassVar[str] = "unknown_item"
    sku: str
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Item {self.sku} is not registered; register it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemExists(Refusal):
    code: ClassVar[str] = "item_exists"
    sku: str

    def sentence(self) -> str:
        return f"Item {self.sku} is registered already; describe it to change it."


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDiscontinuedAlready(Refusal):
    """No receipt after the item's end, and no second end."""

    code: ClassVar[str] = "item_discontinued"
    sku: str
    discontinued_at: datetime
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Item {self.sku} is discontinued since {self.discontinued_at.isoformat()}."


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingFixed(Refusal):
    """Units that are there already have no lots, or no serials, to be told by."""

    code: ClassVar[str] = "tracking_fixed"
    sku: str
    tracking: Literal["none", "lot", "serial"]

    def sentence(self) -> str:
        return (
            f"Item {self.sku} was registered with tracking {self.tracking}, which stays: register "
            "another SKU for units that are tracked otherwise."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLocation(Refusal):
    code: ClassVar[str] = "unknown_location"
    location: str
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Location {self.location} is not registered; register it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationExists(Refusal):
    code: ClassVar[str] = "location_exists"
    location: str

    def sentence(self) -> str:
        return f"Location {self.location} is registered already."


@dataclass(frozen=True, slots=True, kw_only=True)
class InsufficientStock(Refusal):
    """`available` is what this command could have had: for a promise with the backorder limit and
    without what is due to expire; for a promised shipment, what is on hand and not held; for
    damaged units to be written off, what is `held`, which says so then.
    """

    code: ClassVar[str] = "insufficient_stock"
    sku: str
    location: str
    requested: int
    available: int
    held: int | None = None
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        if self.held is not None:
            return (
                f"{self.requested} damaged of {self.sku} at {self.location} were to go, "
                f"{self.held} are held."
            )
        return (
            f"{self.requested} of {self.sku} at {self.location} were asked for, "
            f"{self.available} are available."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountExists(Refusal):
    code: ClassVar[str] = "count_exists"
    count_id: str
    sku: str
    location: str

    def sentence(self) -> str:
        return f"Count {self.count_id} of {self.sku} at {self.location} is recorded; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownReservation(Refusal):
    code: ClassVar[str] = "unknown_reservation"
    reservation_id: str
    sku: str
    location: str

    def sentence(self) -> str:
        return f"There is no reservation {self.reservation_id} of {self.sku} at {self.location}."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExists(Refusal):
    code: ClassVar[str] = "reservation_exists"
    reservation_id: str
    sku: str
    location: str
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Reservation {self.reservation_id} of {self.sku} at {self.location} exists already; "
            "use a new id."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationClosed(Refusal):
    code: ClassVar[str] = "reservation_closed"
    reservation_id: str
    ended: Ending

    def sentence(self) -> str:
        return f"Reservation {self.reservation_id} was {self.ended} already."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationNotDue(Refusal):
    code: ClassVar[str] = "reservation_not_due"
    reservation_id: str
    expires_at: datetime

    def sentence(self) -> str:
        return (
            f"Reservation {self.reservation_id} holds until {self.expires_at.isoformat()}; "
            "release it to end it earlier."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExpiryPast(Refusal):
    code: ClassVar[str] = "reservation_expiry_past"
    reservation_id: str
    expires_at: datetime

    def sentence(self) -> str:
        return (
            f"Reservation {self.reservation_id} would expire at {self.expires_at.isoformat()}, "
            "which is not after its begin."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceedsReserved(Refusal):
    code: ClassVar[str] = "exceeds_reserved"
    reservation_id: str
    requested: int
    reserved: int

    def sentence(self) -> str:
        return (
            f"Reservation {self.reservation_id} holds {self.reserved}, not the {self.requested} "
            "asked for."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOrder(Refusal):
    code: ClassVar[str] = "unknown_order"
    order_id: str

    def sentence(self) -> str:
        return f"There is no order {self.order_id}."


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExists(Refusal):
    code: ClassVar[str] = "order_exists"
    order_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} was placed already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState(Refusal):
    """The order is in a state from which this does not follow; `wanted` is what was asked for."""

    code: ClassVar[str] = "order_state"
    order_id: str
    status: OrderStatus
    wanted: OrderStep

    def sentence(self) -> str:
        return (
            f"Order {self.order_id} is {self.status.replace('_', ' ')} and cannot be {self.wanted}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOrderLine(Refusal):
    code: ClassVar[str] = "unknown_order_line"
    order_id: str
    line: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Order {self.order_id} has no line {self.line}."


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateLine(Refusal):
    code: ClassVar[str] = "duplicate_line"
    order_id: str
    line: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Line {self.line} of order {self.order_id} is named twice."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceedsCommitted(Refusal):
    code: ClassVar[str] = "exceeds_committed"
    order_id: str
    line: int
    requested: int
    committed: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Line {self.line} of order {self.order_id} has {self.committed} left to ship, "
            f"not the {self.requested} asked for."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToShip(Refusal):
    code: ClassVar[str] = "nothing_to_ship"
    order_id: str

    def sentence(self) -> str:
        return f"No line of order {self.order_id} was named to be shipped."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeExists(Refusal):
    code: ClassVar[str] = "charge_exists"
    charge_id: str

    def sentence(self) -> str:
        return f"Charge {self.charge_id} is recorded already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionMismatch(Refusal):
    code: ClassVar[str] = "version_mismatch"
    stream: str
    expected: int
    actual: int

    def sentence(self) -> str:
        return (
            f"Stream {self.stream} is at version {self.actual}, "
            f"not at the expected {self.expected}; read it again."
        )
