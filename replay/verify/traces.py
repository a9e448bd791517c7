"""Law 5 of tracked items: each fact that moves units is followed, in its command, by the lots or
serials it moved, and they add up to the stock.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.verify.details import TRACED, Data, Lot
from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import Move, Stock

Units = tuple[int, int, int]
"""On hand, picked, held."""
NONE: Units = (0, 0, 0)
REDATED = "redated"  # Tells a lot's last good day, and moves nothing.


@dataclass(slots=True, eq=False)
class Fact:
    """A fact of a tracked item's stock in the command that is under way."""

    row: EventRow
    units: Units
    traced: bool = False


class TraceCheck:
    def __init__(self, law: LawResult, ledger: str) -> None:
        self._law = law
        self._ledger = ledger
        self._facts: dict[str, Fact] = {}
        self._untraced: dict[str, Units] = {}
        self._touched: dict[str, Stock] = {}
        self._moved: set[tuple[str, str]] = set()

    def stock(self, row: EventRow, data: Data, stock: Stock, moved: Move) -> None:
        """After an event of a tracked item's stock, or a trace, was folded."""
        if row.type == TRACED:
            self._trace(row, data, stock)
        else:
            units = moved[0], moved[3], moved[4]
            if stock.stream not in self._untraced:
                self._begin(stock, units)
            self._facts[str(row.event_id)] = Fact(row, units)
        self._touched[stock.stream] = stock

    def end_of_command(self) -> None:
        for fact in self._facts.values():
            self._law.checked += 1
            if fact.units != NONE and not fact.traced:
                self._law.differ(
                    where=f"lots or serials of {fact.row.name}",
                    expected=f"a trace of them in its command: (on hand, picked, held)"
                    f" {fact.units}",
                    found="none",
                )
        for stock in self._touched.values():
            self._law.checked += 1
            self._adds_up(stock)
        for stream, name in self._moved:
            self._law.checked += 1
            self._lot(self._touched[stream], name)
        self._facts.clear()
        self._touched.clear()
        self._moved.clear()

    def _begin(self, stock: Stock, units: Units) -> None:
        """What was there before its item was tracked is of no lot."""
        before = stock.on_hand - units[0], stock.picked - units[1], stock.held - units[2]
        self._untraced[stock.stream] = _less(before, _traced(stock))

    def _trace(self, row: EventRow, data: Data, stock: Stock) -> None:
        self._law.checked += 1
        fact = self._facts.get(data["cause_event_id"])
        told = _told(data)
        if data.get("cause") == REDATED and told == NONE:
            return
        if fact is None or fact.traced or fact.row.stream != row.stream:
            self._differ(row, "a fact of its command and stock that has no trace yet", told)
        elif told != fact.units:
            self._differ(row, f"{fact.units}, as of the fact it traces", told)
        if fact is not None:
            fact.traced = True
        self._moved |= {(stock.stream, each["lot"]) for each in data["units"]}

    def _lot(self, stock: Stock, name: str) -> None:
        lots = stock.details.lots if stock.details else {}
        lot = lots.get(name, Lot())
        if min(lot.on_hand, lot.picked, lot.held) < 0:
            self._law.differ(
                where=f"lot {name} of {stock.name} in ledger {self._ledger}"
                f" after position {stock.position}",
                expected="0 or more of it",
                found=f"on hand {lot.on_hand}, picked {lot.picked}, held {lot.held}",
            )

    def _differ(self, row: EventRow, expected: str, told: Units) -> None:
        self._law.differ(
            where=f"units (on hand, picked, held) of {row.name}", expected=expected, found=told
        )

    def _adds_up(self, stock: Stock) -> None:
        traced = _traced(stock)
        stocked = stock.on_hand, stock.picked, stock.held
        if _less(stocked, self._untraced.get(stock.stream, NONE)) != traced:
            self._law.differ(
                where=f"lots or serials of {stock.name} in ledger {self._ledger}"
                f" after position {stock.position}",
                expected=f"(on hand, picked, held) {stocked}, as of its stock",
                found=traced,
            )


def _told(data: Data) -> Units:
    units = data["units"]
    on_hand = sum(each.get("on_hand", 0) for each in units)
    return (
        on_hand,
        sum(each.get("picked", 0) for each in units),
        sum(each.get("held", 0) for each in units),
    )


def _traced(stock: Stock) -> Units:
    """What the lots have, all told."""
    return NONE if stock.details is None else stock.details.of_lots[:3]


def _less(units: Units, others: Units) -> Units:
    return units[0] - others[0], units[1] - others[1], units[2] - others[2]
