"""How commands name the lots or serials of an item that is tracked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from commands.fields import Day, Id, Quantity
from domain.named_units import UNNAMED, LotQuantity, NamedUnits
from domain.values import LOTS_MAX


class LotUnits(BaseModel):
    """Units of one lot."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    lot: Id
    quantity: Quantity
    expires_on: Annotated[
        Day | None,
        Field(description="The lot's last good day (UTC), told when it is first received."),
    ] = None


Lots = Annotated[
    tuple[LotUnits, ...],
    Field(
        max_length=LOTS_MAX,
        description="Of an item tracked by lot: the lots, each once; their quantities add up.",
    ),
]
Serials = Annotated[
    tuple[Id, ...],
    Field(
        max_length=LOTS_MAX,
        description="Of an item tracked by serial: the serials, each once, as many as units.",
    ),
]


class LotFields(BaseModel):
    """What a command about tracked units has beside its quantity."""

    lots: Lots = ()
    serials: Serials = ()

    @model_validator(mode="after")
    def lots_or_serials(self) -> Self:
        if self.lots and self.serials:
            raise PydanticCustomError("lots", "give lots or serials, not both")
        return self

    def named_units(self) -> NamedUnits:
        """The same as the domain takes them."""
        if not self.lots and not self.serials:
            return UNNAMED
        lots = tuple(
            LotQuantity(lot=each.lot, quantity=each.quantity, expires_on=each.expires_on)
            for each in self.lots
        )
        return NamedUnits(lots=lots, serials=self.serials)


def named_by_line(lines: Iterable[Any]) -> dict[int, NamedUnits]:
    """What each line names, by its number; lines that know no lots name none."""
    return {each.line: units_named(each) for each in lines}


def units_named(line: object) -> NamedUnits:
    """What a line names: nothing, when it was made of an event's own."""
    return line.named_units() if isinstance(line, LotFields) else UNNAMED
