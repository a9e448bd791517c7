"""Stream `stock-<sku>@<location>`: units promised, and promises kept, ended or left uncovered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.construction import made_often

PromiseKind = Literal["reservation", "order"]


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReserved:
    """Units promised until an instant, by the item's backorder limit of then."""

    sku: str
    location: str
    reservation_id: str
    quantity: int
    expires_at: datetime
    backorder_limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExtended:
    """An open reservation holds until another instant."""

    sku: str
    location: str
    reservation_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationReleased:
    """Units of a reservation were given back before their time was over."""

    sku: str
    location: str
    reservation_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExpired:
    """Units of a reservation were given back because their time was over."""

    sku: str
    location: str
    reservation_id: str
    quantity: int


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class StockCommitted:
    """Units promised to one order line: the order's allocation at this stock."""

    sku: str
    location: str
    order_id: str
    line: int
    quantity: int
    backorder_limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentReleased:
    """Units of an order line that are promised to it no more, and were not sent."""

    sku: str
    location: str
    order_id: str
    line: int
    quantity: int


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class StockShipped:
    """Units that left. Exactly one of: against an order line (committed goes down), against a
    reservation (reserved goes down), or neither (straight from what is available).
    """

    sku: str
    location: str
    quantity: int
    order_id: str | None = None
    line: int | None = None
    reservation_id: str | None = None
    unit_price_micros: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UncoveredPromise:
    """A promise that loses units, and how many: to a reservation, or to a line of an order."""

    kind: PromiseKind
    id: str
    line: int | None = None
    uncovered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortfallStated:
    """How many promised units are uncovered at this stock from here on, and whose; 0 closes it.

    Appended in the same command as whatever changed the figure.
    """

    sku: str
    location: str
    uncovered: int
    promises: tuple[UncoveredPromise, ...] = ()
