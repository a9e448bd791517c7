"""Commands about purchases: goods ordered from a supplier, and what comes of them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from commands.fields import Currency, Day, Id, InUnit, Level, Note, Quantity
from commands.lines import NumberedLine, check_numbers
from commands.lot_fields import LotFields
from commands.message import Message
from commands.order_messages import UNREAD_ORDER_LINES, UnitPrice
from domain.values import ORDER_LINES_MAX

ExpectedOn = Annotated[
    Day | None, Field(description="The day on which the units are expected, if that is known.")
]


class PurchasedLine(NumberedLine):
    sku: Id
    quantity: Quantity
    unit: InUnit = None
    unit_price_micros: Annotated[
        UnitPrice,
        Field(description="Of one of the item's own unit, in millionths of the currency's."),
    ] = 0
    expected_on: ExpectedOn = None


class LineDelivered(LotFields, NumberedLine):
    """Units that were taken and units that were not, at least one of either. The lots or serials
    are those of the units taken.
    """

    accepted: Level = 0
    rejected: Annotated[Level, Field(description="Not taken: they never come on hand.")] = 0
    unit: InUnit = None
    reason: Annotated[Note, Field(description="Why units were rejected; wanted if any were.")] = ""

    @model_validator(mode="after")
    def something_came(self) -> Self:
        if not self.accepted and not self.rejected:
            raise PydanticCustomError("nothing", "leave out a line of which nothing came")
        if self.rejected and not self.reason.strip():
            raise PydanticCustomError("reason", "give the reason why units were rejected")
        return self


PurchasedLines = Annotated[
    tuple[PurchasedLine, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)
]


class _Purchase(Message):
    purchase_id: Id


class _WholePurchase(_Purchase):
    """A command on every line of a purchase that is named only by its id."""

    def estimated_events(self) -> int:
        return UNREAD_ORDER_LINES


class PlacePurchase(_Purchase):
    """Note what is to be bought; nothing of it is incoming before it is approved."""

    type_name: ClassVar = "place_purchase"

    type: Literal["place_purchase"]
    location: Annotated[Id, Field(description="Where all of it is to come.")]
    supplier: Annotated[
        Id | None, Field(description="A registered location, such as one of type supplier.")
    ] = None
    currency: Currency = "XXX"
    lines: PurchasedLines

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self


class ApprovePurchase(_WholePurchase):
    """Every unit of the purchase is incoming from now on."""

    type_name: ClassVar = "approve_purchase"

    type: Literal["approve_purchase"]


class ChangePurchase(_Purchase):
    """Put these lines in the place of all the purchase has; a line left out is wanted no more.

    What came of a line, or was rejected, cannot be taken off it.
    """

    type_name: ClassVar = "change_purchase"

    type: Literal["change_purchase"]
    lines: PurchasedLines
    reason: Note = ""

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self

    def estimated_events(self) -> int:
        return 1 + 2 * len(self.lines)


class ReceivePurchase(_Purchase):
    """Book one delivery: what was taken of each line, and what was rejected.

    More than is outstanding may come: it is on hand like the rest, and the event says how much.
    """

    type_name: ClassVar = "receive_purchase"

    type: Literal["receive_purchase"]
    receipt_id: Annotated[
        Id, Field(description="Your name for the delivery, unique in the purchase.")
    ]
    lines: Annotated[tuple[LineDelivered, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self

    def estimated_events(self) -> int:
        return 1 + 2 * len(self.lines)


class ClosePurchase(_WholePurchase):
    """Nothing more comes: what is outstanding is short, and incoming no more."""

    type_name: ClassVar = "close_purchase"

    type: Literal["close_purchase"]
    reason: Note = ""


class CancelPurchase(_WholePurchase):
    """Call off what is still expected; what came stays."""

    type_name: ClassVar = "cancel_purchase"

    type: Literal["cancel_purchase"]
    reason: Note = ""
