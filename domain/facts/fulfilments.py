"""Stream `order-<id>`: picking, packing, sending and taking back what an order holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from domain.construction import made_often
from domain.facts.orders import ShippedLine

Inspection = Literal["restock", "damage", "refuse"]


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuantity:
    line: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PickListCreated:
    """Committed units of an order that are to be taken from the shelf at one location."""

    order_id: str
    pick_id: str
    location: str
    lines: tuple[LineQuantity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickListCancelled:
    """Nobody picks by the list any more; its units stay committed."""

    order_id: str
    pick_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedLine:
    """`missing` units were not on the shelf: they are committed to the order no more."""

    line: int
    quantity: int
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPicked:
    """The list is done: what it says was taken, the rest was not found."""

    order_id: str
    pick_id: str
    location: str
    lines: tuple[PickedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPacked:
    """Picked units are in a parcel."""

    order_id: str
    parcel_id: str
    location: str
    lines: tuple[LineQuantity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentDelivered:
    """All of the shipment is with the customer."""

    order_id: str
    shipment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentCancelled:
    """The shipment never left or came straight back: its units are on hand again, at `lines`."""

    order_id: str
    shipment_id: str
    lines: tuple[ShippedLine, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequested:
    """The customer sends shipped units back; nothing moves before they were looked at."""

    order_id: str
    return_id: str
    lines: tuple[LineQuantity, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedLine:
    line: int
    quantity: int
    outcome: Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnInspected:
    """Units of a return were looked at where they arrived: restocked, held as damaged, or refused,
    which leaves the stock as it is.
    """

    order_id: str
    return_id: str
    location: str
    lines: tuple[InspectedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExchanged:
    """The return is made up for by another order instead of money."""

    order_id: str
    return_id: str
    replacement_id: str
