"""Commands about lots, expiry, holds and recalls."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from commands.fields import Approver, Day, Id, InUnit, Note, Quantity, Reason, ReasonCode
from commands.message import Message
from domain.events import Removal
from domain.values import SHELF_LIFE_DAYS_MAX

ShelfLife = Annotated[
    int,
    Field(
        strict=True,
        ge=0,
        le=SHELF_LIFE_DAYS_MAX,
        description="Days a lot keeps from its first receipt, when no day is told with it.",
    ),
]


class SetHandling(Message):
    """Say in which order an item's lots leave, and how long they keep: both, each time."""

    type_name: ClassVar = "set_handling"

    type: Literal["set_handling"]
    sku: Id
    removal: Annotated[
        Removal,
        Field(
            description="`fefo`: what expires first leaves first; `fifo`: what came first; "
            "`lifo`: what came last."
        ),
    ]
    shelf_life_days: ShelfLife | None = None


class RegisterLot(Message):
    """Make a lot known before its first units come in, which otherwise register it."""

    type_name: ClassVar = "register_lot"

    type: Literal["register_lot"]
    sku: Id
    lot: Id
    expires_on: Annotated[Day | None, Field(description="Its last good day (UTC).")] = None
    made_on: Day | None = None
    origin: Annotated[Note, Field(description="Who made it, or where it comes from.")] = ""

    @model_validator(mode="after")
    def expires_after_it_was_made(self) -> Self:
        if self.made_on and self.expires_on and self.expires_on < self.made_on:
            raise PydanticCustomError("days", "expires_on must not be before made_on")
        return self


class ChangeLotExpiry(Message):
    """Put a lot's last good day right, or off: wherever its units are. What is held because it had
    expired is let go, or what has expired by the new day is held.
    """

    type_name: ClassVar = "change_lot_expiry"

    type: Literal["change_lot_expiry"]
    sku: Id
    lot: Id
    expires_on: Annotated[Day, Field(description="Its last good day (UTC) from now on.")]
    reason: Reason


class HoldStock(Message):
    """Keep units back for their condition: they may neither be promised nor sent. A fact:
    promises they were for are then named as uncovered.
    """

    type_name: ClassVar = "hold_stock"

    type: Literal["hold_stock"]
    sku: Id
    location: Id
    hold_id: Id
    kind: Literal["quality", "quarantine", "damaged"]
    quantity: Quantity
    unit: InUnit = None
    lot: Annotated[
        Id | None, Field(description="Of an item that is tracked: the lot, or the serial.")
    ] = None
    reason_code: ReasonCode | None = None
    reason: Note = ""
    document: Note = ""
    approved_by: Approver | None = None


class ReleaseHold(Message):
    """Let units of a hold go: all of them, or as many as `quantity` says."""

    type_name: ClassVar = "release_hold"

    type: Literal["release_hold"]
    sku: Id
    location: Id
    hold_id: Id
    quantity: Quantity | None = None
    unit: InUnit = None
    reason: Note = ""
    document: Note = ""
    approved_by: Approver | None = None


class ExpireLot(Message):
    """Hold what is left of a lot (or of a serial) at a location because its last good day is
    over; refused before that.
    """

    type_name: ClassVar = "expire_lot"

    type: Literal["expire_lot"]
    sku: Id
    location: Id
    lot: Id


class RecallLot(Message):
    """Hold every unit of a lot, wherever it is, and whatever of it still comes in. The answer
    names every holder; `/v1/recall-reports/{sku}@{lot}` names every shipment too.
    """

    type_name: ClassVar = "recall_lot"

    type: Literal["recall_lot"]
    sku: Id
    lot: Id
    recall_id: Id
    reason_code: ReasonCode
    reason: Note = ""


class EndRecall(Message):
    """Let go what a recall holds; what has expired meanwhile stays held."""

    type_name: ClassVar = "end_recall"

    type: Literal["end_recall"]
    sku: Id
    lot: Id
    recall_id: Id
    reason: Note = ""
