"""Law 5 on the way: what a transfer sent is in transit at its destination until it arrived, came
back or is lost; at the end of every command, line by line, and so for every SKU.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.verify.details import CLOSED, EXPECTED, Data
from replay.verify.report import LawResult
from replay.verify.rows import EventRow

DISPATCHED, ARRIVED = "stock.dispatched.v1", "stock.arrived.v1"
RECEIVED_DOCUMENT = "transfer.received.v1"
ON_THE_WAY = frozenset({DISPATCHED, ARRIVED, EXPECTED, CLOSED})
Line = tuple[str, int]
"""Transfer, its line."""


@dataclass(slots=True, eq=False)
class Sent:
    """One line of a transfer. `lost` is what was expected no more without arriving; `over` is what
    its receipts name as never sent.
    """

    skus: set[str]
    dispatched: int = 0
    expected: int = 0
    arrived: int = 0
    ended: int = 0
    lost: int = 0
    over: int = 0

    @property
    def in_transit(self) -> int:
        return self.expected - self.ended


class TransitCheck:
    def __init__(self, law: LawResult, ledger: str) -> None:
        self._law = law
        self._ledger = ledger
        self._sent: dict[Line, Sent] = {}
        self._touched: dict[Line, int] = {}

    def stock(self, row: EventRow, data: Data) -> None:
        """After an event of one of the types ON_THE_WAY was folded."""
        units: int = data["quantity"]
        if row.type in (EXPECTED, CLOSED):
            if data["source"] != "transfer":
                return
            sent = self._of(data["source_id"], data["line"], row)
            if row.type == EXPECTED:
                sent.expected += units
            else:
                sent.ended += units
                if data["outcome"] not in ("received", "returned", "cancelled"):
                    sent.lost += units
        else:
            sent = self._of(data["transfer_id"], data["line"], row)
            if row.type == DISPATCHED:
                sent.dispatched += units
            else:
                sent.arrived += units
        sent.skus.add(data["sku"])

    def received(self, row: EventRow, data: Data) -> None:
        """After a transfer's receipt was folded: it names what came beyond what was sent."""
        for line in data["lines"]:
            self._of(data["transfer_id"], line["line"], row).over += line.get("over", 0)

    def end_of_command(self) -> None:
        for line, position in self._touched.items():
            self._law.checked += 1
            sent = self._sent[line]
            arrived_or_not = sent.arrived + sent.in_transit + sent.lost
            if sent.dispatched != sent.expected:
                self._differ(line, position, f"{sent.dispatched} in transit", sent.expected)
            elif sent.dispatched + sent.over != arrived_or_not:
                told = f"{sent.dispatched} dispatched + {sent.over} over"
                found = f"{sent.arrived} arrived + {sent.in_transit} in transit + {sent.lost} lost"
                self._differ(line, position, told, found)
            elif len(sent.skus) > 1:
                self._differ(line, position, "units of one SKU", sorted(sent.skus))
        self._touched.clear()

    def _of(self, transfer_id: str, line: int, row: EventRow) -> Sent:
        key = transfer_id, line
        self._touched[key] = row.position
        sent = self._sent.get(key)
        if sent is None:
            sent = self._sent[key] = Sent(set())
        return sent

    def _differ(self, line: Line, position: int, expected: str, found: object) -> None:
        self._law.differ(
            where=f"transfer {line[0]} line {line[1]} in ledger {self._ledger}"
            f" after position {position}",
            expected=expected,
            found=found,
        )
