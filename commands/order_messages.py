"""Commands about orders: goods promised to customers line by line, and money beside the goods."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from commands.fields import Change, Currency, Id, LineNumber, Money, Name, Note, Price, Quantity
from commands.message import Message
from domain.values import ORDER_LINES_MAX

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
    location: Id
    quantity: Quantity
    unit_price_micros: UnitPrice = 0


class LineToShip(Line):
    line: LineNumber
    quantity: Quantity


def _distinct(lines: tuple[OrderedLine, ...] | tuple[LineToShip, ...]) -> None:
    seen: set[int] = set()
    for each in lines:
        if each.line in seen:
            raise PydanticCustomError(
                "line_repeated", "line {line} stands twice: number each line once", vars(each)
            )
        seen.add(each.line)


class PlaceOrder(Message):
    """Accept an order and, unless `allocate` is false, promise every line of it or refuse it.

    With `ship`, as at a till, it leaves at once: all of it happens, or nothing.
    """

    type_name: ClassVar = "place_order"

    type: Literal["place_order"]
    order_id: Id
    customer: CustomerName | None = None
    currency: Currency = "XXX"
    lines: Annotated[tuple[OrderedLine, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]
    allocate: bool = Field(default=True, strict=True)
    ship: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        _distinct(self.lines)
        return self

    @model_validator(mode="after")
    def what_ships_is_allocated(self) -> Self:
        if self.ship and not self.allocate:
            raise PydanticCustomError("ship", "only what is allocated can ship: allocate it too")
        return self

    def estimated_events(self) -> int:
        if not self.allocate:
            return 1
        return 3 + 2 * len(self.lines) if self.ship else 2 + len(self.lines)


class AllocateOrder(Message):
    """Promise every line of a placed order, or refuse and promise none."""

    type_name: ClassVar = "allocate_order"

    type: Literal["allocate_order"]
    order_id: Id


class ShipOrder(Message):
    """Ship what is allocated: the lines named, or everything not shipped yet."""

    type_name: ClassVar = "ship_order"

    type: Literal["ship_order"]
    order_id: Id
    lines: Annotated[
        tuple[LineToShip, ...] | None, Field(min_length=1, max_length=ORDER_LINES_MAX)
    ] = None

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        _distinct(self.lines or ())
        return self

    def estimated_events(self) -> int:
        return 1 + len(self.lines) if self.lines else UNREAD_ORDER_LINES


class CancelOrder(Message):
    """Give back everything the order still holds; what was shipped stays shipped."""

    type_name: ClassVar = "cancel_order"

    type: Literal["cancel_order"]
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
