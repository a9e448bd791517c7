"""Stream `order-<id>`: what a customer wants, where it comes from, and what became of it. How it
is picked, packed, sent and taken back is in `domain.facts.fulfilments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from domain.construction import made_often

Allocation = Literal["all", "partial"]
Strategy = Literal["nearest", "fewest_parcels", "highest_stock", "fixed_order"]
PaymentTerms = Literal["none", "required"]
PAYMENT_SECONDS: Final = 86_400  # For so long a payment is waited for, unless a policy differs.


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """Without a `location` it is sourced. A kit's line is followed by those of its parts, which
    name it in `part_of`: they are what is promised and sent.
    """

    line: int
    sku: str
    location: str | None = None
    quantity: int
    unit_price_micros: int = 0
    is_kit: bool = False
    part_of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced:
    """`backorder`: what is short waits for stock to arrive. `locations` may be sourced from, in the
    order that the strategy tries them in; for `nearest` that is by distance, `kilometres` beside
    (-1: unknown). `ship_to` is sealed: nobody can read it out of the log alone. `payment_seconds`:
    for how long it waits for a payment that is required.
    """

    order_id: str
    customer: str | None = None
    currency: str = "XXX"
    lines: tuple[OrderLine, ...]
    allocation: Allocation = "all"
    backorder: bool = False
    sourcing: Strategy | None = None
    locations: tuple[str, ...] = ()
    kilometres: tuple[int, ...] = ()
    payment: PaymentTerms = "none"
    payment_seconds: int = PAYMENT_SECONDS
    ship_to: str | None = None
    reservation_id: str | None = None
    exchange_of: str | None = None


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUnits:
    """Units of an order's line at one location."""

    line: int
    location: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsideredLocation:
    """What one candidate could have sent of what was wanted, at that moment."""

    location: str
    units: int
    kilometres: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSourced:
    """Where the units of lines without a location are to come from, what was considered, and why
    it was chosen. Units of these lines that waited anywhere wait there no more.
    """

    order_id: str
    strategy: Strategy
    lines: tuple[OrderUnits, ...]
    considered: tuple[ConsideredLocation, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAllocated:
    """Every line of the order is committed where it says: all of them or none."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUnitsAllocated:
    """These units are committed; those that waited there do not wait any more."""

    order_id: str
    lines: tuple[OrderUnits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBackordered:
    """These units wait for stock to arrive."""

    order_id: str
    lines: tuple[OrderUnits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid:
    """What had to be paid first is paid: the order may be picked and shipped."""

    order_id: str
    payment_id: str


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedLine:
    """Without a `location`: from where the line says."""

    line: int
    quantity: int
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped:
    """Units left, those that were picked first. `parcels` are those of the order that went whole;
    a shipment with an id can be followed until it is delivered.
    """

    order_id: str
    lines: tuple[ShippedLine, ...]
    shipment_id: str | None = None
    carrier: str = ""
    tracking: str = ""
    parcels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """Everything not shipped is let go: committed, picked (back on the shelf) and waiting units."""

    order_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClosed:
    """An order of which something was shipped is done with: the rest is let go."""

    order_id: str
    reason: str = ""
