"""Commands about units of measure and about kits: items that are made of other ones."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from commands.fields import Id, InUnit, Quantity, Unit
from commands.lot_fields import LotFields
from commands.message import Message
from domain.kits import KIT_COMPONENTS_MAX

Share = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class DefineUnit(Message):
    """Say how much of the item's own unit one further unit is: a case is 12 / 1, a slice 1 / 8.

    A second definition holds from then on; what was entered before stays what it became.
    """

    type_name: ClassVar = "define_unit"

    type: Literal["define_unit"]
    sku: Id
    unit: Unit
    numerator: Share
    denominator: Share = 1


class KitPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sku: Id
    quantity: Quantity
    unit: InUnit = None


class ComposeKit(Message):
    """Say what one unit of an item is made of, all of it; an empty list: it is no kit any more."""

    type_name: ClassVar = "compose_kit"

    type: Literal["compose_kit"]
    sku: Id
    components: Annotated[tuple[KitPart, ...], Field(max_length=KIT_COMPONENTS_MAX)]


class PartUnits(LotFields):
    """Of a part that is tracked, which lots or serials."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sku: Id


class _Assembly(LotFields, Message):
    assembly_id: Id
    sku: Annotated[Id, Field(description="The kit.")]
    location: Id
    quantity: Quantity
    unit: InUnit = None
    parts: Annotated[
        tuple[PartUnits, ...],
        Field(
            max_length=KIT_COMPONENTS_MAX,
            description="Lots or serials of parts that are tracked; of what goes in, they may be "
            "left out.",
        ),
    ] = ()

    def estimated_events(self) -> int:
        return UNREAD_KIT_PARTS


class Assemble(_Assembly):
    """Put kits together: their parts leave what is available there, the kits come to it.

    Refused when a part is not available, with all that lack.
    """

    type_name: ClassVar = "assemble"

    type: Literal["assemble"]


class Disassemble(_Assembly):
    """Take kits apart into the parts that their bill of materials names today."""

    type_name: ClassVar = "disassemble"

    type: Literal["disassemble"]


# An assembly is sized before its kit is read.
UNREAD_KIT_PARTS = 10
