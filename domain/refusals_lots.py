"""Why a command was refused for its lots or serials.

    naming      LotsNotTaken LotsMissing LotNamedTwice LotsDoNotAddUp
    units       LotShort LotsShort SerialInPlace
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from domain.facts.items import Tracking
from domain.refusals import Refusal

LotTrouble = Literal["absent", "held", "expired", "taken"]


def _named(tracking: Tracking) -> str:
    return "serials" if tracking == "serial" else "lots"


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsNotTaken(Refusal):
    """Lots were named of an item that is tracked by serial or not at all, or the other way."""

    code: ClassVar[str] = "lots_not_taken"
    sku: str
    location: str
    tracking: Tracking
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        if self.tracking == "none":
            return f"Item {self.sku} is not tracked: leave lots and serials out."
        return f"Item {self.sku} is tracked by {self.tracking}: name {_named(self.tracking)} only."


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsMissing(Refusal):
    code: ClassVar[str] = "lots_missing"
    sku: str
    location: str
    tracking: Tracking
    quantity: int
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Item {self.sku} is tracked by {self.tracking}: name the {_named(self.tracking)} of "
            f"the {self.quantity} at {self.location}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LotNamedTwice(Refusal):
    code: ClassVar[str] = "lot_named_twice"
    sku: str
    location: str
    lot: str
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"{self.lot} of {self.sku} is named twice: name each lot or serial once."


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsDoNotAddUp(Refusal):
    code: ClassVar[str] = "lots_do_not_add_up"
    sku: str
    location: str
    quantity: int
    named: int
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"The lots or serials named of {self.sku} come to {self.named}, its quantity is "
            f"{self.quantity}: make them the same."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LotShort(Refusal):
    """One lot (or serial) that was named has fewer units here that may be taken."""

    code: ClassVar[str] = "lot_short"
    sku: str
    location: str
    lot: str
    requested: int
    available: int
    trouble: LotTrouble
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        why = {
            "absent": "so many are not there",
            "held": "the rest is held",
            "expired": "it has expired",
            "taken": "the rest is picked or held",
        }[self.trouble]
        return (
            f"{self.requested} of {self.lot} of {self.sku} at {self.location} were asked for, "
            f"{self.available} may be taken: {why}. Name others, or leave them out."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsShort(Refusal):
    """No choice of lots (or serials) makes up the quantity: some expired, some are held."""

    code: ClassVar[str] = "lots_short"
    sku: str
    location: str
    requested: int
    available: int
    expired: int
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"{self.requested} of {self.sku} at {self.location} were asked for, {self.available} "
            f"are neither expired nor held; {self.expired} have expired."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialInPlace(Refusal):
    """A serial is in one place at a time: it is at `location` already."""

    code: ClassVar[str] = "serial_in_place"
    sku: str
    serial: str
    location: str
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Serial {self.serial} of {self.sku} is at {self.location} already: move it, or take "
            "it off there first."
        )


NamingRefusal = LotsNotTaken | LotsMissing | LotNamedTwice | LotsDoNotAddUp
UnitsRefusal = NamingRefusal | LotShort | LotsShort | SerialInPlace
