"""Law 5 where facts meet counts: a counted quantity stands, whatever becomes known after it.

A fact dated before a count comes with the restatement of the first such count; a fact that takes
more than was there, with the discrepancy that brings it up; both in the fact's own command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from replay.verify.report import LawResult
from replay.verify.rows import EventRow
from replay.verify.stock import COUNTED, FOUND, MOVES, RESTATED, Count, Data, Stock

History = Callable[[EventRow], Iterator[tuple[str, bytes, datetime]]]
"""Type, data, occurred_at of everything before an event in its stream."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A restatement or discrepancy that a command holds, or should hold, for one of its facts."""

    row: EventRow
    told: tuple[object, ...]


class CountCheck:
    def __init__(self, law: LawResult, history: History) -> None:
        self._law = law
        self._history = history
        self._restated: dict[str, Linked] = {}
        self._wanted: dict[str, Linked] = {}
        self._found: dict[str, EventRow] = {}
        self._lots_found: set[str] = set()

    def before(self, row: EventRow, data: Data, known: Stock | None) -> None:
        """Before a count, or any event of a stock that has counts, is folded."""
        self._law.checked += 1
        stock = known or Stock(data["sku"], data["location"], row.stream)
        if row.type == RESTATED:
            self._restatement(row, data, stock)
        elif row.type != FOUND:
            units = MOVES[row.type](data)[0]
            later = _first_after(stock, row.occurred_at)
            if units and later is not None:
                told = (later.count_id, -units)
                self._wanted[str(row.event_id)] = Linked(row, told)
            if row.type == COUNTED:
                self._count(row, data, stock)

    def found(self, row: EventRow, data: Data) -> None:
        """A discrepancy was folded."""
        self._found[data["cause_event_id"]] = row

    def traced(self, data: Data) -> None:
        """A trace was folded: a discrepancy that has one found units that single lots lacked."""
        self._lots_found.add(data["cause_event_id"])

    def after(self, row: EventRow, stock: Stock) -> None:
        """After any other stock event was folded, while a discrepancy waits for its cause."""
        found = self._found.pop(str(row.event_id), None)
        if found is None or str(found.event_id) in self._lots_found:
            return
        if stock.on_hand != 0:
            self._law.differ(
                where=f"on hand of {stock.name} after {row.name}",
                expected=f"0, as {found.name} found just what was missing",
                found=stock.on_hand,
            )

    @property
    def waits(self) -> bool:
        """Whether a discrepancy has not met its cause yet."""
        return bool(self._found)

    def end_of_command(self) -> None:
        for row in self._found.values():
            self._law.differ(
                where=row.name, expected="the event that caused it, right behind it", found="none"
            )
        for cause in self._wanted.keys() | self._restated.keys():
            wanted, restated = self._wanted.get(cause), self._restated.get(cause)
            if wanted is None and restated is not None and restated.told[1] == 0:
                continue  # No units, but their lots: a count between swapped them.
            if wanted is None or restated is None or wanted.told != restated.told:
                self._unlike(wanted, restated)
        self._found.clear()
        self._lots_found.clear()
        self._wanted.clear()
        self._restated.clear()

    def _unlike(self, wanted: Linked | None, restated: Linked | None) -> None:
        row = wanted.row if wanted else restated.row if restated else None
        self._law.differ(
            where=f"restatement by {row.name if row else ''} (count, units)",
            expected=wanted.told if wanted else "none: no count is later than what caused it",
            found=restated.told if restated else "none",
        )

    def _restatement(self, row: EventRow, data: Data, stock: Stock) -> None:
        delta = data["delta"]
        self._restated[data["cause_event_id"]] = Linked(row, (data["count_id"], delta))
        known = [count for count in stock.counts if count.count_id == data["count_id"]]
        told = (data["counted"], data["expected"], row.occurred_at)
        if told not in [(each.counted, each.expected - delta, each.occurred_at) for each in known]:
            self._law.differ(
                where=f"counted, expected, occurred_at of {row.name}",
                expected=f"those of count {data['count_id']}, expected less {delta}: {known}",
                found=told,
            )

    def _count(self, row: EventRow, data: Data, stock: Stock) -> None:
        expected = stock.on_hand
        if stock.moved_at is not None and stock.moved_at > row.occurred_at:
            expected = sum(
                MOVES[kind](msgspec.json.decode(stored))[0]
                for kind, stored, occurred_at in self._history(row)
                if occurred_at <= row.occurred_at
            )
        if data["expected"] != expected:
            self._law.differ(
                where=f"expected on hand of {row.name}",
                expected=f"{expected}, as of {row.occurred_at.isoformat()}",
                found=data["expected"],
            )


def _first_after(stock: Stock, instant: datetime) -> Count | None:
    """Ties go by log order: a count at the instant itself came before."""
    return next((count for count in stock.counts if count.occurred_at > instant), None)
