"""Every fact the ledger can hold, as a frozen type. The stored form of each is pinned by
`eventlog.codec`.

Quantities are whole units of the item's unit (int). Money is an integer in millionths of the
currency's major unit (`unit_price_micros`), because real price lists go below the minor unit.
Instants inside an event are aware UTC datetimes; when a fact happened (`occurred_at`) belongs to
the envelope, not to the event. Customers and actors are opaque subject ids: no event has a field
for a person's name or address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.construction import made_often

Tracking = Literal["none", "lot", "serial"]
LocationType = Literal["warehouse", "store", "supplier", "transit", "other"]
Disposition = Literal["stock", "damaged"]
PromiseKind = Literal["reservation", "order"]


# --- item-<sku> -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRegistered:
    sku: str
    name: str
    description: str = ""
    category: str = ""
    media_urls: tuple[str, ...] = ()
    gtin: str | None = None
    unit: str = "each"
    tracking: Tracking = "none"
    reorder_point: int = 0
    safety_stock: int = 0
    backorder_limit: int = 0
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDescribed:
    """The item's whole description after the change: a fold needs nothing older."""

    sku: str
    name: str
    description: str = ""
    category: str = ""
    media_urls: tuple[str, ...] = ()
    gtin: str | None = None
    unit: str = "each"
    tracking: Tracking = "none"
    reorder_point: int = 0
    safety_stock: int = 0
    backorder_limit: int = 0
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDiscontinued:
    sku: str
    reason: str = ""


# --- location-<id> --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRegistered:
    """Coordinates in millionths of a degree (WGS 84), or None when unknown."""

    location: str
    name: str
    type: LocationType = "warehouse"
    latitude_microdegrees: int | None = None
    longitude_microdegrees: int | None = None


# --- stock-<sku>@<location> -----------------------------------------------------------------------


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReceived:
    sku: str
    location: str
    quantity: int
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjusted:
    """`delta` is signed: negative for losses, positive for what was found. Of damaged units, it
    moves what is held as well.
    """

    sku: str
    location: str
    delta: int
    reason: str
    condition: Disposition = "stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounted:
    """`expected` is the on hand the ledger knew for the count's own `occurred_at`; the variance is
    `counted - expected`, and on hand moves by it.
    """

    sku: str
    location: str
    count_id: str
    counted: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRestated:
    """A fact dated before a count became known after it. The counted quantity stands, so on hand
    moves by `delta` (the opposite of that fact's own) and the count's variance becomes `counted
    - expected`.
    """

    sku: str
    location: str
    count_id: str
    cause_event_id: str
    counted: int
    expected: int
    delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyFound:
    """Units that must have been there, since a fact took more than on hand held: brings on hand to
    0.
    """

    sku: str
    location: str
    quantity: int
    cause_event_id: str


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReserved:
    sku: str
    location: str
    reservation_id: str
    quantity: int
    expires_at: datetime
    backorder_limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationReleased:
    sku: str
    location: str
    reservation_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationExpired:
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
class StockReturned:
    """On hand goes up; returned `to` damaged it is held as well."""

    sku: str
    location: str
    quantity: int
    to: Disposition = "stock"
    order_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UncoveredPromise:
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


# --- order-<id> -----------------------------------------------------------------------------------


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


# --- charge-<id> ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRecorded:
    """Money without goods: postage, a fee, a manual line."""

    charge_id: str
    code: str
    description: str = ""
    quantity: int
    unit_price_micros: int
    currency: str
    order_id: str | None = None


# --- replay-<id> ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPromoted:
    """From here on readers are shown what a replay built out of the events up to `up_to`.

    `read_models` are `<projection> v<version>`; `events_root` is over the chain hashes of all
    ledgers, of which this one is number `leaf` of `leaves`, proven by `audit_path`; the signature,
    in base64, is over the receipt's hash and that root (replay.receipt).
    """

    replay_id: str
    generation: int
    read_models: tuple[str, ...]
    up_to: int
    receipt_sha256: str
    events_root: str
    leaf: int
    leaves: int
    audit_path: tuple[str, ...]
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRolledBack:
    """From here on readers are shown again what answered before a replay was promoted, which had
    folded the events up to `up_to`.
    """

    replay_id: str
    generation: int
    read_models: tuple[str, ...]
    up_to: int


ItemEvent = ItemRegistered | ItemDescribed | ItemDiscontinued
LocationEvent = LocationRegistered
StockEvent = (
    StockReceived
    | StockAdjusted
    | StockCounted
    | CountRestated
    | DiscrepancyFound
    | StockReserved
    | ReservationReleased
    | ReservationExpired
    | StockCommitted
    | CommitmentReleased
    | StockShipped
    | StockReturned
    | ShortfallStated
)
OrderEvent = OrderPlaced | OrderAllocated | OrderShipped | OrderCancelled
ChargeEvent = ChargeRecorded
ReplayEvent = ReplayPromoted | ReplayRolledBack
Event = ItemEvent | LocationEvent | StockEvent | OrderEvent | ChargeEvent | ReplayEvent
