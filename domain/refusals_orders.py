"""Why a command about sourcing, picking, sending or taking back an order was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from domain.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSourceable(Refusal):
    """`available` is what the locations that may be sourced from could send together."""

    code: ClassVar[str] = "not_sourceable"
    line: int
    sku: str
    requested: int
    available: int
    locations: tuple[str, ...]
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        if not self.locations:
            return (
                f"Line {self.line} ({self.sku}) names no location, and its order may be sourced "
                "from none: name the line's location."
            )
        return (
            f"{self.requested} of {self.sku} were asked for on line {self.line}, "
            f"{self.available} are available at the {len(self.locations)} locations that may send: "
            "name more of them, or let the order wait (backorder)."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTooLong(Refusal):
    """With the parts of its kits."""

    code: ClassVar[str] = "order_too_long"
    order_id: str
    lines: int
    lines_max: int

    def sentence(self) -> str:
        return (
            f"Order {self.order_id} comes to {self.lines} lines with the parts of its kits, "
            f"{self.lines_max} can be placed at once: send several orders."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToAllocate(Refusal):
    """`after`: the last order that was looked at, if there are further ones behind it."""

    code: ClassVar[str] = "nothing_to_allocate"
    sku: str
    location: str
    waiting: int
    after: str | None = None

    def sentence(self) -> str:
        waits = f"{self.waiting} units that wait for {self.sku} at {self.location}"
        if self.after is None:
            return f"None of the {waits} can be allocated now; they stay in the queue."
        return (
            f"Of the {waits} none up to order {self.after} can be allocated now: they stay in the "
            f"queue; ask for those after {self.after}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMissing(Refusal):
    code: ClassVar[str] = "payment_missing"
    order_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} waits for payment; confirm it before picking or shipping."


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentNotAwaited(Refusal):
    code: ClassVar[str] = "payment_not_awaited"
    order_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} waits for no payment, or was paid already."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPickList(Refusal):
    code: ClassVar[str] = "unknown_pick_list"
    order_id: str
    pick_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has no pick list {self.pick_id}; create it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class PickListExists(Refusal):
    code: ClassVar[str] = "pick_list_exists"
    order_id: str
    pick_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has a pick list {self.pick_id} already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class PickListClosed(Refusal):
    code: ClassVar[str] = "pick_list_closed"
    order_id: str
    pick_id: str
    status: Literal["picked", "cancelled"]

    def sentence(self) -> str:
        return f"Pick list {self.pick_id} of order {self.order_id} was {self.status} already."


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToPick(Refusal):
    code: ClassVar[str] = "nothing_to_pick"
    order_id: str
    location: str

    def sentence(self) -> str:
        return (
            f"Nothing of order {self.order_id} is committed at {self.location} and on no pick list "
            "yet."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceedsListed(Refusal):
    """`listed` is what may be taken for the line: by its list, or from what is loosely picked."""

    code: ClassVar[str] = "exceeds_listed"
    order_id: str
    line: int
    requested: int
    listed: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Line {self.line} of order {self.order_id} has {self.listed} for this, "
            f"not the {self.requested} asked for."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelExists(Refusal):
    code: ClassVar[str] = "parcel_exists"
    order_id: str
    parcel_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has a parcel {self.parcel_id} already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownParcel(Refusal):
    code: ClassVar[str] = "unknown_parcel"
    order_id: str
    parcel_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has no packed parcel {self.parcel_id} that could be sent."


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentExists(Refusal):
    code: ClassVar[str] = "shipment_exists"
    order_id: str
    shipment_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has a shipment {self.shipment_id} already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownShipment(Refusal):
    code: ClassVar[str] = "unknown_shipment"
    order_id: str
    shipment_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has no shipment {self.shipment_id}; ship it with that id."


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentClosed(Refusal):
    code: ClassVar[str] = "shipment_closed"
    order_id: str
    shipment_id: str
    status: Literal["delivered", "cancelled"]

    def sentence(self) -> str:
        return f"Shipment {self.shipment_id} of order {self.order_id} was {self.status} already."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnExists(Refusal):
    code: ClassVar[str] = "return_exists"
    order_id: str
    return_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has a return {self.return_id} already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownReturn(Refusal):
    code: ClassVar[str] = "unknown_return"
    order_id: str
    return_id: str

    def sentence(self) -> str:
        return f"Order {self.order_id} has no return {self.return_id}; request it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceedsReturnable(Refusal):
    """`returnable`: shipped and in no return yet; or, at an inspection, in it and not seen yet."""

    code: ClassVar[str] = "exceeds_returnable"
    order_id: str
    line: int
    requested: int
    returnable: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Line {self.line} of order {self.order_id} has {self.returnable} that can come back, "
            f"not the {self.requested} asked for."
        )
