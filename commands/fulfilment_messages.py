"""Commands about what an order holds: picked, packed, shipped, delivered, taken back."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from commands.fields import Id, InUnit, Level, LineNumber, Note, Quantity
from commands.lines import check_numbers
from commands.lot_fields import LotFields
from commands.message import Message
from commands.order_messages import UNREAD_ORDER_LINES, Line, OrderedLine
from domain.events import Inspection
from domain.values import ORDER_LINES_MAX

PARCELS_MAX = 500
Tracking = Annotated[str, Field(max_length=200, description="The carrier's own number.")]


class LineOfOrder(Line):
    line: LineNumber
    quantity: Quantity
    unit: InUnit = None


class PickedUnits(LotFields, Line):
    line: LineNumber
    quantity: Annotated[Level, Field(description="0: none of it was on the shelf.")]
    unit: InUnit = None


class LineToShip(LotFields, Line):
    line: LineNumber
    quantity: Quantity
    unit: InUnit = None
    location: Annotated[
        Id | None, Field(description="Left out: from wherever the line's units are.")
    ] = None


class SeenLine(LotFields, Line):
    line: LineNumber
    quantity: Quantity
    unit: InUnit = None
    outcome: Annotated[
        Inspection, Field(description="On sale again, held as damaged, or not taken back.")
    ]


class TakenBack(LotFields, Line):
    """Which lots or serials of a line came straight back: of those that are tracked."""

    line: LineNumber


Lines = Annotated[tuple[LineOfOrder, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]


class _OrderCommand(Message):
    def estimated_events(self) -> int:
        lines = getattr(self, "lines", None)
        return 1 + len(lines) if lines else UNREAD_ORDER_LINES


class CreatePickList(_OrderCommand):
    """Say which committed units are to be taken from the shelf at a location: those named, or all
    that are on no list yet.
    """

    type_name: ClassVar = "create_pick_list"

    type: Literal["create_pick_list"]
    order_id: Id
    pick_id: Annotated[Id, Field(description="Your name for the list, unique in the order.")]
    location: Id
    lines: Lines | None = None


class CancelPickList(_OrderCommand):
    """Nobody picks by the list any more; its units may be listed again."""

    type_name: ClassVar = "cancel_pick_list"

    type: Literal["cancel_pick_list"]
    order_id: Id
    pick_id: Id
    reason: Note = ""

    def estimated_events(self) -> int:
        return 1


class PickOrder(_OrderCommand):
    """The list is done: all of it was taken from the shelf, or of the lines named so many units.
    What is short is held as missing, and the order waits for others if its terms let it.
    """

    type_name: ClassVar = "pick_order"

    type: Literal["pick_order"]
    order_id: Id
    pick_id: Id
    lines: Annotated[
        tuple[PickedUnits, ...] | None,
        Field(
            min_length=1,
            max_length=ORDER_LINES_MAX,
            description="Left out: everything on the list. A line of the list that is not named "
            "was not found at all.",
        ),
    ] = None

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines or ())
        return self


class PackOrder(_OrderCommand):
    """Put picked units of one location into a parcel: those named, or all that are in none."""

    type_name: ClassVar = "pack_order"

    type: Literal["pack_order"]
    order_id: Id
    parcel_id: Annotated[Id, Field(description="Your name for it, unique in the order.")]
    location: Id
    lines: Lines | None = None

    def estimated_events(self) -> int:
        return 1


class ShipOrder(_OrderCommand):
    """Ship what is allocated: the parcels or the lines named, or everything that can leave."""

    type_name: ClassVar = "ship_order"

    type: Literal["ship_order"]
    order_id: Id
    lines: Annotated[
        tuple[LineToShip, ...] | None, Field(min_length=1, max_length=ORDER_LINES_MAX)
    ] = None
    parcels: Annotated[tuple[Id, ...], Field(max_length=PARCELS_MAX)] = ()
    shipment_id: Annotated[
        Id | None, Field(description="Your name for it, unique in the order: to follow it.")
    ] = None
    carrier: Note = ""
    tracking: Tracking = ""

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        seen = set()
        for each in self.lines or ():
            if (each.line, each.location) in seen:
                raise PydanticCustomError(
                    "line_repeated", "line {line} stands twice: number each line once", vars(each)
                )
            seen.add((each.line, each.location))
        return self

    @model_validator(mode="after")
    def either_lines_or_parcels(self) -> Self:
        if self.lines is not None and self.parcels:
            raise PydanticCustomError("parcels", "name lines or parcels, not both")
        if self.shipment_id is None and (self.carrier or self.tracking):
            raise PydanticCustomError("shipment", "carrier and tracking need a shipment_id")
        return self


class DeliverShipment(_OrderCommand):
    """A shipment arrived at the customer."""

    type_name: ClassVar = "deliver_shipment"

    type: Literal["deliver_shipment"]
    order_id: Id
    shipment_id: Id

    def estimated_events(self) -> int:
        return 1


class CancelShipment(_OrderCommand):
    """It never left, or came straight back: on hand and committed are as they were before it."""

    type_name: ClassVar = "cancel_shipment"

    type: Literal["cancel_shipment"]
    order_id: Id
    shipment_id: Id
    reason: Note = ""
    lines: Annotated[
        tuple[TakenBack, ...],
        Field(
            max_length=ORDER_LINES_MAX,
            description="Its lines of tracked items, with the lots or serials that came back.",
        ),
    ] = ()

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self


class RequestReturn(_OrderCommand):
    """The customer sends shipped units back; no stock moves before they are inspected."""

    type_name: ClassVar = "request_return"

    type: Literal["request_return"]
    order_id: Id
    return_id: Annotated[Id, Field(description="Your name for it, unique in the order.")]
    lines: Lines
    reason: Note = ""

    def estimated_events(self) -> int:
        return 1


class InspectReturn(_OrderCommand):
    """Units of a return were looked at where they arrived."""

    type_name: ClassVar = "inspect_return"

    type: Literal["inspect_return"]
    order_id: Id
    return_id: Id
    location: Id
    lines: Annotated[tuple[SeenLine, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]


class ExchangeOrder(_OrderCommand):
    """Request a return and place another order for it, on the terms of the first: both or
    neither.
    """

    type_name: ClassVar = "exchange_order"

    type: Literal["exchange_order"]
    order_id: Id
    return_id: Id
    lines: Lines
    replacement_id: Annotated[Id, Field(description="The other order's id.")]
    replacement_lines: Annotated[
        tuple[OrderedLine, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)
    ]

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.replacement_lines)
        return self
