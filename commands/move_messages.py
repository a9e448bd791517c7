"""The command that moves units from one place to another at once."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from commands.fields import Id, InUnit, Quantity
from commands.lot_fields import LotFields
from commands.message import Message


class MoveStock(LotFields, Message):
    """Put units away, or move them otherwise inside a site: no time passes between the two places.

    Only units that nobody was promised move. Between sites there are transfers.
    """

    type_name: ClassVar = "move_stock"

    type: Literal["move_stock"]
    sku: Id
    origin: Id
    destination: Id
    quantity: Quantity
    unit: InUnit = None
    move_id: Annotated[
        Id,
        Field(description="Your name for the move, such as a put-away task: both sides bear it."),
    ]

    def estimated_events(self) -> int:
        return 2
