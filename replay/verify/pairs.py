"""Law 5 between stocks, inside one command: what moves out of one comes into the other, and what an
assembly consumes it also produces something of.
"""

from __future__ import annotations

from collections import Counter

from replay.verify.details import Data
from replay.verify.report import LawResult
from replay.verify.rows import EventRow

MOVED_OUT, MOVED_IN = "stock.moved_out.v1", "stock.moved_in.v1"
CONSUMED, PRODUCED = "stock.consumed.v1", "stock.produced.v1"
PAIRED = frozenset({MOVED_OUT, MOVED_IN, CONSUMED, PRODUCED})
Way = tuple[str, str, str, str]
"""Of a move: its id, SKU, origin, destination."""


class PairCheck:
    def __init__(self, law: LawResult, ledger: str) -> None:
        self._law = law
        self._ledger = ledger
        self._under_way: Counter[Way] = Counter()
        self._consumed: Counter[str] = Counter()
        self._produced: Counter[str] = Counter()
        self._position = 0

    def stock(self, row: EventRow, data: Data) -> None:
        """After an event of one of the types PAIRED was folded."""
        self._position = row.position
        sku, place, units = data["sku"], data["location"], data["quantity"]
        match row.type:
            case "stock.moved_out.v1":
                self._under_way[data["move_id"], sku, place, data["destination"]] += units
            case "stock.moved_in.v1":
                self._under_way[data["move_id"], sku, data["origin"], place] -= units
            case "stock.consumed.v1":
                self._consumed[data["assembly_id"]] += units
            case _:
                self._produced[data["assembly_id"]] += units

    def end_of_command(self) -> None:
        for (move_id, sku, origin, destination), units in self._under_way.items():
            self._law.checked += 1
            if units:
                self._differ(
                    f"move {move_id} of {sku} from {origin} to {destination}",
                    "as many units in as out, in one command",
                    f"{units} more out than in" if units > 0 else f"{-units} more in than out",
                )
        for assembly_id in self._consumed.keys() | self._produced.keys():
            self._law.checked += 1
            told = self._consumed[assembly_id], self._produced[assembly_id]
            if not all(told):
                self._differ(
                    f"assembly {assembly_id}",
                    "units consumed and units produced, in one command",
                    f"{told[0]} consumed, {told[1]} produced",
                )
        self._under_way.clear()
        self._consumed.clear()
        self._produced.clear()

    def _differ(self, what: str, expected: str, found: str) -> None:
        self._law.differ(
            where=f"{what} in ledger {self._ledger} after position {self._position}",
            expected=expected,
            found=found,
        )
