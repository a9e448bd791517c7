"""Laws of lots and serials over all places: a serial is in one place, where its own stream says; of
a lot that is recalled, every unit everywhere is held.
"""

from __future__ import annotations

from collections import Counter

from replay.verify.details import Data, Lot
from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import Stock

SERIAL = "serial"
PLACED, LEFT = "serial.placed.v1", "serial.left.v1"
RECALLED, RECALL_ENDED = "lot.recalled.v1", "lot.recall_ended.v1"
OF_IDENTITIES = frozenset({PLACED, LEFT, RECALLED, RECALL_ENDED})
Name = tuple[str, str]
"""SKU, and its lot or serial."""


class IdentityCheck:
    def __init__(self, law: LawResult, fold: LedgerFold) -> None:
        self._law = law
        self._fold = fold
        self._places: dict[Name, Counter[str]] = {}
        self._told: dict[Name, str] = {}
        self._recalled: set[Name] = set()
        self._serials: set[Name] = set()
        self._lots: set[Name] = set()

    def traced(self, row: EventRow, data: Data, stock: Stock) -> None:
        """After a trace was folded."""
        sku = stock.sku
        of_serials = self._fold.tracked.get(sku) == SERIAL
        self._law.checked += 1
        if data.get("serials", False) != of_serials:
            told = "lots" if of_serials else "serials"
            expected = "serials" if of_serials else "lots"
            self._law.differ(where=f"units of {row.name}", expected=expected, found=told)
        if not of_serials:
            if self._recalled:
                self._lots |= {(sku, each["lot"]) for each in data["units"]} & self._recalled
            return
        for each in data["units"]:
            name = sku, each["lot"]
            there = self._places.setdefault(name, Counter())
            there[stock.location] += each.get("on_hand", 0)
            self._serials.add(name)

    def document(self, row: EventRow, data: Data) -> None:
        """After an event of one of the types OF_IDENTITIES was folded."""
        match row.type:
            case "serial.placed.v1":
                self._told[data["sku"], data["serial"]] = data["location"]
                self._serials.add((data["sku"], data["serial"]))
            case "serial.left.v1":
                self._told.pop((data["sku"], data["serial"]), None)
                self._serials.add((data["sku"], data["serial"]))
            case "lot.recalled.v1":
                self._recalled.add((data["sku"], data["lot"]))
                self._lots.add((data["sku"], data["lot"]))
            case _:
                self._recalled.discard((data["sku"], data["lot"]))

    def end_of_command(self) -> None:
        for name in self._serials:
            self._law.checked += 1
            self._in_one_place(name)
        for name in self._lots & self._recalled:
            self._law.checked += 1
            self._held_everywhere(name)
        self._serials.clear()
        self._lots.clear()

    def _in_one_place(self, name: Name) -> None:
        places = {place: units for place, units in self._places.get(name, {}).items() if units}
        told = self._told.get(name)
        if places != ({} if told is None else {told: 1}):
            self._law.differ(
                where=f"serial {name[1]} of {name[0]} in ledger {self._fold.ledger}",
                expected=f"one at {told}, as its own stream says" if told else "nowhere",
                found=f"on hand {places}" if places else "nowhere",
            )

    def _held_everywhere(self, name: Name) -> None:
        sku, lot_name = name
        for location in self._fold.locations_of.get(sku, ()):
            stock = self._fold.stocks[sku, location]
            lot = stock.details.lots.get(lot_name, Lot()) if stock.details else Lot()
            if lot.held < lot.on_hand:
                self._law.differ(
                    where=f"recalled lot {lot_name} of {stock.name}"
                    f" in ledger {self._fold.ledger} after position {stock.position}",
                    expected=f"all {lot.on_hand} units held",
                    found=lot.held,
                )
