"""Commands about orders: goods promised to customers line by line, and money beside the goods.

How what an order holds is picked, sent and taken back is in `fulfilment_messages`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from commands.fields import (
    Change,
    Currency,
    Id,
    InUnit,
    Latitude,
    LineNumber,
    Longitude,
    Money,
    Name,
    Note,
    Price,
    Quantity,
)
from commands.lines import check_numbers
from commands.message import Message
from commands.personal import WithDestination
from domain.events import Allocation, PaymentTerms, Strategy
from domain.values import ORDER_LINES_MAX

LOCATIONS_MAX = 50  # that one order may be sourced from
SOURCED_STOCKS_MAX = 2_000  # each is read before the order is decided
CustomerName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="Your own name for the customer; the log only ever holds an opaque subject id.",
    ),
]
UnitPrice = Annotated[Price, Field(description="In millionths of the currency's major unit.")]


class Line(BaseModel):
    """A line of a command about many."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class OrderedLine(Line):
    line: Annotated[LineNumber, Field(description="The line's number in the order.")]
    sku: Id
    location: Annotated[
        Id | None, Field(description="Where it is sent from. Left out: the order is sourced.")
    ] = None
    quantity: Quantity
    unit: InUnit = None
    unit_price_micros: Annotated[
        UnitPrice,
        Field(description="Of one of the item's own unit, in millionths of the currency's."),
    ] = 0


class PlaceOrder(WithDestination):
    """Accept an order and, unless `allocate` is false, promise every line of it or refuse it.

    With `ship`, as at a till, it leaves at once: all of it happens, or nothing. Lines without a
    location are sourced from `locations` by a strategy. With `allocation` partial what there is is
    promised; with `backorder` what is short waits for stock to arrive.
    """

    type_name: ClassVar = "place_order"

    type: Literal["place_order"]
    order_id: Id
    customer: CustomerName | None = None
    currency: Currency = "XXX"
    lines: Annotated[tuple[OrderedLine, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]
    allocate: bool = Field(default=True, strict=True)
    ship: bool = Field(default=False, strict=True)
    allocation: Annotated[
        Allocation,
        Field(description="`all`: every unit at once or none; `partial`: what there is."),
    ] = "all"
    backorder: Annotated[
        bool, Field(strict=True, description="What is short waits instead of being refused.")
    ] = False
    sourcing: Annotated[
        Strategy | None, Field(description="How lines without a location choose theirs.")
    ] = None
    locations: Annotated[
        tuple[Id, ...],
        Field(max_length=LOCATIONS_MAX, description="That may be sourced from, preferred first."),
    ] = ()
    latitude_microdegrees: Annotated[
        Latitude | None,
        Field(description="The destination, for `nearest`; the log keeps distances only."),
    ] = None
    longitude_microdegrees: Longitude | None = None
    payment: Annotated[
        PaymentTerms, Field(description="`required`: nothing is picked or shipped before it.")
    ] = "none"
    reservation_id: Annotated[
        Id | None, Field(description="A reservation that ends by becoming this order.")
    ] = None
    _kilometres: tuple[int, ...] = PrivateAttr(default=())

    @property
    def kilometres(self) -> tuple[int, ...]:
        """How far away `locations` are; only of a command that was made out of its event."""
        return self._kilometres

    def as_told(self, ship_to: str | None, kilometres: tuple[int, ...]) -> Self:
        """The same command with what its event tells instead of where it goes."""
        found = self.model_copy()
        found._sealed_ship_to = ship_to  # noqa: SLF001 # its own class
        found._kilometres = kilometres  # noqa: SLF001 # its own class
        return found

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self

    @model_validator(mode="after")
    def what_ships_is_allocated(self) -> Self:
        if self.ship and not self.allocate:
            raise PydanticCustomError("ship", "only what is allocated can ship: allocate it too")
        if self.reservation_id is not None and (self.ship or not self.allocate):
            raise PydanticCustomError(
                "reservation", "what a reservation held is allocated at once, and shipped later"
            )
        if self.ship and (self.allocation == "partial" or self.backorder):
            raise PydanticCustomError("ship", "an order ships at once as a whole, or not at once")
        if self.ship and self.payment == "required":
            raise PydanticCustomError("ship", "what waits for payment cannot ship at once")
        return self

    @model_validator(mode="after")
    def what_is_sourced_can_be(self) -> Self:
        if self.sourcing is not None or self.locations or self.latitude_microdegrees is not None:
            checked_sourcing(self)
        elif any(line.location is None for line in self.lines):
            raise PydanticCustomError(
                "sourcing", "name each line's location, or give sourcing and locations"
            )
        return self

    def estimated_events(self) -> int:
        if not self.allocate:
            return 1
        return 3 + 2 * len(self.lines) if self.ship else 2 + len(self.lines)


def checked_sourcing(order: PlaceOrder) -> None:
    """Raises PydanticCustomError for an order that could not be sourced."""
    if order.sourcing is None or not order.locations:
        raise PydanticCustomError("sourcing", "give sourcing and locations together")
    if len(set(order.locations)) < len(order.locations):
        raise PydanticCustomError("sourcing", "name each of the locations once")
    point = (order.latitude_microdegrees, order.longitude_microdegrees)
    if None in point if order.sourcing == "nearest" else point != (None, None):
        raise PydanticCustomError(
            "sourcing",
            "nearest, and nothing else, takes latitude_microdegrees and longitude_microdegrees",
        )
    unlocated = sum(line.location is None for line in order.lines)
    if unlocated * len(order.locations) > SOURCED_STOCKS_MAX:
        raise PydanticCustomError(
            "sourcing",
            "lines without a location times locations come to more than {stocks_max}: send "
            "smaller orders or name fewer locations",
            {"stocks_max": SOURCED_STOCKS_MAX},
        )


class AllocateOrder(Message):
    """Promise what of an order is promised nowhere yet, by its own terms, or refuse."""

    type_name: ClassVar = "allocate_order"

    type: Literal["allocate_order"]
    order_id: Id


class AllocateBackorders(Message):
    """Serve the orders that wait for an item at a location, first come, first served: of the first
    hundred that might be, or of those behind the order `after`, as a refusal tells it.
    """

    type_name: ClassVar = "allocate_backorders"

    type: Literal["allocate_backorders"]
    sku: Id
    location: Id
    after: Id | None = None

    def estimated_events(self) -> int:
        return UNREAD_ORDER_LINES


class ConfirmPayment(Message):
    """What had to be paid before the order is picked or shipped is paid."""

    type_name: ClassVar = "confirm_payment"

    type: Literal["confirm_payment"]
    order_id: Id
    payment_id: Id


class CancelOrder(Message):
    """Give back everything the order still holds; what was shipped stays shipped."""

    type_name: ClassVar = "cancel_order"

    type: Literal["cancel_order"]
    order_id: Id
    reason: Note = ""

    def estimated_events(self) -> int:
        return UNREAD_ORDER_LINES


class CloseOrder(Message):
    """Be done with an order of which a part was shipped: the rest is given back."""

    type_name: ClassVar = "close_order"

    type: Literal["close_order"]
    order_id: Id
    reason: Note = ""

    def estimated_events(self) -> int:
        return UNREAD_ORDER_LINES


class RecordCharge(Message):
    """Money without goods: postage, a fee, a discount (negative), a manual line."""

    type_name: ClassVar = "record_charge"

    type: Literal["record_charge"]
    charge_id: Id
    code: Annotated[Name, Field(max_length=64)]
    description: Note = ""
    quantity: Change
    unit_price_micros: Annotated[Money, Field(description="Negative for money given back.")]
    currency: Currency
    order_id: Id | None = None


# An order named only by its id is sized before it is read; wholesale orders have about 27 lines.
UNREAD_ORDER_LINES = 27
