"""Why a quantity in another unit than the item's own was refused, or a unit was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownUnit(Refusal):
    """`known` are the units the item has beside its own."""

    code: ClassVar[str] = "unknown_unit"
    sku: str
    unit: str
    known: tuple[str, ...] = ()
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Item {self.sku} has no unit {self.unit}; define it first, or use another."


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWholeUnits(Refusal):
    """A fraction of the item's own unit; each `multiple` of the unit comes out whole."""

    code: ClassVar[str] = "not_whole_units"
    sku: str
    unit: str
    quantity: int
    own_unit: str
    multiple: int
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"{self.quantity} {self.unit} of {self.sku} is no whole number of {self.own_unit}: "
            f"use a multiple of {self.multiple}, or another unit."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyUnits(Refusal):
    """More than one fact can hold, in the item's own unit."""

    code: ClassVar[str] = "too_many_units"
    sku: str
    units: int
    units_max: int
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"{self.units} of {self.sku} is too much for one command; send it in parts."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitIsOwn(Refusal):
    """The item's own unit is one of itself, and no further unit has its name."""

    code: ClassVar[str] = "unit_is_own"
    sku: str
    unit: str

    def sentence(self) -> str:
        return f"Item {self.sku} has a unit {self.unit} already; use another name."
