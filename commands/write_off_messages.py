"""Commands by which units leave for nowhere."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from commands.fields import Approver, Id, InUnit, Note, Quantity, ReasonCode
from commands.lot_fields import LotFields
from commands.message import Message


class WriteOffStock(LotFields, Message):
    """Units are gone: out of a hold when one is named, otherwise out of sound stock. A fact:
    refused for more than the hold has, or when the ledger's policy asks for what is not given.
    """

    type_name: ClassVar = "write_off_stock"

    type: Literal["write_off_stock"]
    sku: Id
    location: Id
    quantity: Quantity
    unit: InUnit = None
    reason_code: Annotated[ReasonCode, Field(description="`broken`, `expired`, `stolen`, …")]
    reason: Note = ""
    hold_id: Id | None = None
    document: Note = ""
    approved_by: Approver | None = None
