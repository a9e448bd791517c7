"""Commands about transfers: units sent from one location to another, in transit meanwhile."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from commands.fields import Id, InUnit, Note, Quantity
from commands.lines import NumberedLine, check_numbers
from commands.lot_fields import LotFields
from commands.message import Message
from commands.order_messages import UNREAD_ORDER_LINES
from commands.purchase_messages import ExpectedOn
from domain.events import Remainder
from domain.values import ORDER_LINES_MAX


class TransferredLine(NumberedLine):
    sku: Id
    quantity: Quantity
    unit: InUnit = None


class UnitsOfLine(LotFields, NumberedLine):
    quantity: Quantity
    unit: InUnit = None


class _Transfer(Message):
    transfer_id: Id


class PlaceTransfer(_Transfer):
    """Note what is to be sent; nothing is promised at the origin before it is dispatched."""

    type_name: ClassVar = "place_transfer"

    type: Literal["place_transfer"]
    origin: Id
    destination: Id
    expected_on: ExpectedOn = None
    lines: Annotated[tuple[TransferredLine, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self


class DispatchTransfer(_Transfer):
    """Send it, once: the named units, or all of it. Refused when fewer are available.

    What a line wanted beyond the units named is not sent; place another transfer for it.
    """

    type_name: ClassVar = "dispatch_transfer"

    type: Literal["dispatch_transfer"]
    lines: Annotated[
        tuple[UnitsOfLine, ...] | None, Field(min_length=1, max_length=ORDER_LINES_MAX)
    ] = None

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines or ())
        return self

    def estimated_events(self) -> int:
        return 1 + 2 * (len(self.lines) if self.lines else UNREAD_ORDER_LINES)


class ReceiveTransfer(_Transfer):
    """Book what arrived, as many as it really is: the rest stays in transit.

    More than was sent may arrive: it is on hand like the rest, and the event says how much.
    """

    type_name: ClassVar = "receive_transfer"

    type: Literal["receive_transfer"]
    receipt_id: Annotated[
        Id, Field(description="Your name for the arrival, unique in the transfer.")
    ]
    lines: Annotated[tuple[UnitsOfLine, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self

    def estimated_events(self) -> int:
        return 1 + 2 * len(self.lines)


class CloseTransfer(_Transfer):
    """Nothing more arrives: what is in transit is lost, or back at the origin."""

    type_name: ClassVar = "close_transfer"

    type: Literal["close_transfer"]
    rest: Remainder
    reason: Note = ""

    def estimated_events(self) -> int:
        return 1 + 2 * UNREAD_ORDER_LINES


class CancelTransfer(_Transfer):
    """Before any of it has arrived: what was sent is at the origin again."""

    type_name: ClassVar = "cancel_transfer"

    type: Literal["cancel_transfer"]
    reason: Note = ""

    def estimated_events(self) -> int:
        return 1 + 2 * UNREAD_ORDER_LINES
