"""Law 5 between stocks, inside one command: what moves out of one comes into the other."""

from __future__ import annotations

from collections import Counter

from replay.verify.details import Data
from replay.verify.report import LawResult
from replay.verify.rows import EventRow

MOVED_OUT, MOVED_IN = "stock.moved_out.v1", "stock.moved_in.v1"
PAIRED = frozenset({MOVED_OUT, MOVED_IN})
Way = tuple[str, str, str, str]
"""Of a move: its id, SKU, origin, destination."""


class PairCheck:
    def __init__(self, law: LawResult, ledger: str) -> None:
        self._law = law
        self._ledger = ledger
        self._under_way: Counter[Way] = Counter()
        self._position = 0

    def stock(self, row: EventRow, data: Data) -> None:
        """After an event of one of the types PAIRED was folded."""
        self._position = row.position
        sku, place, units = data["sku"], data["location"], data["quantity"]
        if row.type == MOVED_OUT:
            self._under_way[data["move_id"], sku, place, data["destination"]] += units
        else:
            self._under_way[data["move_id"], sku, data["origin"], place] -= units

    def end_of_command(self) -> None:
        for (move_id, sku, origin, destination), units in self._under_way.items():
            self._law.checked += 1
            if units:
                self._law.differ(
                    where=f"move {move_id} of {sku} from {origin} to {destination} in ledger"
                    f" {self._ledger} after position {self._position}",
                    expected="as many units in as out, in one command",
                    found=f"{units} more out than in"
                    if units > 0
                    else f"{-units} more in than out",
                )
        self._under_way.clear()
