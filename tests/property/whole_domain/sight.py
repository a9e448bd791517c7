"""What the machine knows of a ledger when it makes up a command: small pools of names, and the
model's open documents to go on with.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from zlib import crc32

from tests.property.whole_domain.book import Book
from tests.property.whole_domain.units import Lots

PLAIN, LOT, SERIAL, KIT = "plain", "lot", "serial", "kit"
SKUS = (PLAIN, PLAIN, LOT, LOT, SERIAL, KIT)
PLACES = ("hall", "hall", "shop", "bin")
LOTS = ("L1", "L2", "L3")
SERIALS = ("S1", "S2", "S3", "S4", "S5", "S6")
AGO = (0, 0, 0, 0, 0, 0, 1, 30, 600, 3_000)
"""Minutes by which a command is told late."""
SOON = (5, 60, 600, 3_000)
Each = TypeVar("Each")
Body = dict[str, Any]


class NothingToDoError(Exception):
    """The ledger has nothing yet that such a command could be about."""


class Draws:
    """Choices made out of a string of bytes, which is what Hypothesis makes smaller: a zero, and
    everything beyond the end, is the first choice. What other bytes mean is the salt's to say,
    since Hypothesis tries the same strings again and again.
    """

    def __init__(self, choices: bytes, salt: int) -> None:
        self._choices = iter(enumerate(choices))
        self._salt = salt

    def below(self, end: int) -> int:
        place, byte = next(self._choices, (0, 0))
        return crc32(bytes((place, byte)), self._salt) % end if byte else 0

    def pick(self, among: Sequence[Each]) -> Each:
        return among[self.below(len(among))]

    def units(self, most: int = 6) -> int:
        return 1 + self.below(most)

    def seldom(self, of: int = 8) -> bool:
        return self.below(of) == of - 1

    def flag(self) -> bool:
        return self.seldom(2)


@dataclass(slots=True)
class Sight:
    """One ledger, as `book` has it, at an instant."""

    book: Book
    draws: Draws
    now: datetime
    names: count[int]

    # --- names

    def sku(self) -> str:
        return self.draws.pick(SKUS)

    def place(self) -> str:
        return self.draws.pick(PLACES)

    def shelf(self) -> Body:
        return {"sku": self.sku(), "location": self.place()}

    def stocked(self) -> Body:
        """A shelf that has units, if there is one."""
        there = sorted(place for place, units in self.book.places.items() if units.on_hand)
        if not there or self.draws.seldom(12):
            return self.shelf()
        sku, location = self.draws.pick(there)
        return {"sku": sku, "location": location}

    def new(self, kind: str) -> str:
        return f"{kind}{next(self.names)}"

    def known(self, among: Collection[str]) -> str:
        """One of these; seldom one that nobody knows."""
        return "unknown" if among and self.draws.seldom(48) else self.one_of(sorted(among))

    def astray(self) -> bool:
        """Whether what cannot be is asked for all the same."""
        return self.draws.seldom(40)

    def one_of(self, among: Sequence[Each]) -> Each:
        if not among:
            raise NothingToDoError
        return self.draws.pick(among)

    # --- instants and units

    def when(self) -> Body:
        """Now, or some time ago."""
        ago = self.draws.pick(AGO)
        return {"occurred_at": self.now - timedelta(minutes=ago)} if ago else {}

    def later(self) -> datetime:
        return self.now + timedelta(minutes=self.draws.pick(SOON))

    def much_later(self) -> datetime:
        return self.later() + timedelta(days=self.draws.below(3))

    def day(self) -> date:
        return (self.now + timedelta(days=self.draws.below(4))).date()

    def tracking(self, sku: str) -> str:
        return self.book.items[sku].tracking

    def coming(self, sku: str, quantity: int) -> Body:
        """Lots or serials that come in, as a line names them."""
        match self.tracking(sku):
            case "lot":
                lot = self.draws.pick(LOTS)
                first: Body = {"lot": lot, "quantity": quantity}
                known = self.book.last_days.get((sku, lot))
                if (sku, lot) not in self.book.last_days and self.draws.flag():
                    first["expires_on"] = self.day()
                elif known is not None and self.draws.seldom():
                    first["expires_on"] = known
                return {"lots": [first]}
            case "serial":
                free = [each for each in SERIALS if not self._is_somewhere(sku, each)]
                names = free if len(free) >= quantity else list(SERIALS)
                start = self.draws.below(len(names))
                turned = [*names[start:], *names[:start]]
                return {"serials": turned[:quantity]}
            case _:
                return {}

    def of_there(self, sku: str, location: str, most: int = 6) -> tuple[int, Body]:
        """Some units that are there, with their lots or serials named."""
        lots = {lot: n for lot, n in self.book.places[sku, location].lots.items() if n > 0}
        match self.tracking(sku):
            case "lot":
                name = self.draws.pick(sorted(lots) or LOTS)
                units = self.draws.units(max(1, min(most, lots.get(name, 1) + 1)))
                return units, {"lots": [{"lot": name, "quantity": units}]}
            case "serial":
                return 1, {"serials": [self.draws.pick(sorted(lots) or SERIALS)]}
            case _:
                return self.draws.units(most), {}

    def all_there(self, sku: str, location: str) -> tuple[int, Body]:
        """What somebody counts: what is there, or a little else."""
        lots = {lot: n for lot, n in self.book.places[sku, location].lots.items() if n > 0}
        if lots and self.draws.flag():
            lots.pop(self.draws.pick(sorted(lots)))
        elif self.tracking(sku) == "serial":
            lots |= dict.fromkeys(self.coming(sku, 1)["serials"], 1)
        else:
            name = "" if self.tracking(sku) == "none" else self.draws.pick(LOTS)
            lots[name] = lots.get(name, 0) + self.draws.units(3)
        return sum(lots.values()), self.as_named(sku, lots)

    def as_named(self, sku: str, lots: Lots) -> Body:
        match self.tracking(sku):
            case "lot":
                return {"lots": [{"lot": lot, "quantity": n} for lot, n in sorted(lots.items())]}
            case "serial":
                return {"serials": sorted(lots)}
            case _:
                return {}

    def _is_somewhere(self, sku: str, serial: str) -> bool:
        return any(
            units.lots[serial] for place, units in self.book.places.items() if place[0] == sku
        )
