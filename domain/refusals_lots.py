"""Why a command was refused for its lots or serials.

naming      LotsNotTaken LotsMissing LotNamedTwice LotsDoNotAddUp
units       LotShort LotsShort LotExpiryDiffers SerialInPlace
holds       UnknownHold HoldExists ExceedsHold HoldOfItsLot NothingToHold
lots        UnknownLot LotExists LotNotExpired LotExpiryUnchanged LotRecalledAlready RecallNotOpen
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

from domain.facts.holds import HoldKind
from domain.facts.items import Tracking
from domain.refusals import Refusal

LotTrouble = Literal["absent", "held", "expired", "taken"]
TROUBLES: Mapping[LotTrouble, str] = {
    "absent": "so many are not there",
    "held": "the rest is held",
    "expired": "it has expired",
    "taken": "the rest is picked or held",
}


def _named(tracking: Tracking) -> str:
    return "serials" if tracking == "serial" else "lots"


@dataclass(frozen=True, slots=True, kw_only=True)
class LotsNotTaken(Refusal):
    """Lots were named of an item that is tracked by serial or not at all, or the other way."""

    code: ClassVar[str] = "lots_not_taken"
    sku: str
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
        return f"Name each lot or serial of {self.sku} once: {self.lot} is named twice."


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
        why = TROUBLES.get(self.trouble, self.trouble)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LotExpiryDiffers(Refusal):
    """A lot expires on one day: `expires_on`, None for one that does not."""

    code: ClassVar[str] = "lot_expiry_differs"
    sku: str
    lot: str
    expires_on: date | None
    given: date | None
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        known = "does not expire" if self.expires_on is None else f"expires on {self.expires_on}"
        return (
            f"Lot {self.lot} of {self.sku} {known}, not on {self.given}: leave the day out, or "
            "name another lot."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LotExpiryUnchanged(Refusal):
    code: ClassVar[str] = "lot_expiry_unchanged"
    sku: str
    lot: str
    expires_on: date

    def sentence(self) -> str:
        known = f"Lot {self.lot} of {self.sku} expires on {self.expires_on}"
        return f"{known} already; give another day."


@dataclass(frozen=True, slots=True, kw_only=True)
class LotExists(Refusal):
    code: ClassVar[str] = "lot_exists"
    sku: str
    lot: str

    def sentence(self) -> str:
        return f"Lot {self.lot} of {self.sku} is registered already."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLot(Refusal):
    code: ClassVar[str] = "unknown_lot"
    sku: str
    lot: str

    def sentence(self) -> str:
        return f"There is no lot {self.lot} of {self.sku}; its first receipt registers it."


@dataclass(frozen=True, slots=True, kw_only=True)
class LotNotExpired(Refusal):
    code: ClassVar[str] = "lot_not_expired"
    sku: str
    lot: str
    expires_on: date | None

    def sentence(self) -> str:
        if self.expires_on is None:
            return f"Lot {self.lot} of {self.sku} does not expire."
        return f"Lot {self.lot} of {self.sku} is good until the end of {self.expires_on} (UTC)."


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRecalledAlready(Refusal):
    code: ClassVar[str] = "lot_recalled"
    sku: str
    lot: str
    recall_id: str

    def sentence(self) -> str:
        return f"Lot {self.lot} of {self.sku} is recalled by {self.recall_id}; end that one first."


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallNotOpen(Refusal):
    code: ClassVar[str] = "recall_not_open"
    sku: str
    lot: str
    recall_id: str

    def sentence(self) -> str:
        return f"Recall {self.recall_id} of lot {self.lot} of {self.sku} is not open."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownHold(Refusal):
    code: ClassVar[str] = "unknown_hold"
    hold_id: str
    sku: str
    location: str

    def sentence(self) -> str:
        return f"There is no hold {self.hold_id} of {self.sku} at {self.location}."


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExists(Refusal):
    """Names that begin with `recalled:` or `expired:` are those of whole lots."""

    code: ClassVar[str] = "hold_exists"
    hold_id: str
    sku: str
    location: str

    def sentence(self) -> str:
        return (
            f"Hold {self.hold_id} of {self.sku} at {self.location} exists, or its name is kept "
            "for a lot's: use a new id."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceedsHold(Refusal):
    code: ClassVar[str] = "exceeds_hold"
    hold_id: str
    requested: int
    held: int

    def sentence(self) -> str:
        return f"Hold {self.hold_id} keeps {self.held}, not the {self.requested} asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOfItsLot(Refusal):
    code: ClassVar[str] = "hold_of_its_lot"
    hold_id: str
    kind: HoldKind

    def sentence(self) -> str:
        if self.kind == "recalled":
            return f"Hold {self.hold_id} ends with its recall: end that, or write its units off."
        return f"Hold {self.hold_id} is of units that have expired: write them off."


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToHold(Refusal):
    code: ClassVar[str] = "nothing_to_hold"
    sku: str
    location: str
    lot: str

    def sentence(self) -> str:
        return f"No unit of {self.lot} of {self.sku} at {self.location} is there and not held."


NamingRefusal = LotsNotTaken | LotsMissing | LotNamedTwice | LotsDoNotAddUp
UnitsRefusal = NamingRefusal | LotShort | LotsShort | LotExpiryDiffers | SerialInPlace
