"""Commands about crossings: units that go from one ledger of a tenant to another."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from commands.fields import Id, InUnit, LedgerName, LineNumber, Quantity
from commands.lines import NumberedLine, check_numbers
from commands.lot_fields import LotFields
from commands.message import Message
from commands.order_messages import UNREAD_ORDER_LINES
from domain.values import ORDER_LINES_MAX

CrossingName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class CrossingUnits(LotFields, NumberedLine):
    sku: Id
    quantity: Quantity
    unit: InUnit = None


class DispatchCrossing(Message):
    """Send units to another ledger of yours: in transit until it has taken or refused them. What it
    refuses is at the origin again.
    """

    type_name: ClassVar = "dispatch_crossing"

    type: Literal["dispatch_crossing"]
    crossing_id: Id
    to_ledger: Annotated[LedgerName, Field(description="The other ledger's short name.")]
    origin: Annotated[Id, Field(description="A location of this ledger.")]
    destination: Annotated[Id, Field(description="A location of the other ledger.")]
    lines: Annotated[tuple[CrossingUnits, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self

    def estimated_events(self) -> int:
        return 1 + 2 * len(self.lines)


class ArrivingLot(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    lot: Id
    quantity: Quantity
    expires_on: date | None = None


class ArrivingLine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    line: LineNumber
    sku: Id
    quantity: Quantity
    lots: tuple[ArrivingLot, ...] = ()


class ArriveCrossing(Message):
    """What process managers send to the other ledger, and no client can."""

    type_name: ClassVar = "arrive_crossing"

    type: Literal["arrive_crossing"]
    crossing_id: CrossingName
    from_ledger: LedgerName
    destination: Id
    lines: tuple[ArrivingLine, ...]

    def estimated_events(self) -> int:
        return 1 + len(self.lines)


class _Settled(Message):
    crossing_id: Id

    def estimated_events(self) -> int:
        return 1 + UNREAD_ORDER_LINES


class HandOverCrossing(_Settled):
    """What process managers send when the other ledger took the units, and no client can."""

    type_name: ClassVar = "hand_over_crossing"

    type: Literal["hand_over_crossing"]


class ReturnCrossing(_Settled):
    """What process managers send when the other ledger refused the units, and no client can."""

    type_name: ClassVar = "return_crossing"

    type: Literal["return_crossing"]
    code: Annotated[str, StringConstraints(min_length=1, max_length=64)]
