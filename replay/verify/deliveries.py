"""Law 5 of purchases: what a receipt says came is what came into the stocks, in its command."""

from __future__ import annotations

from collections import Counter

from replay.verify.details import CLOSED, Data
from replay.verify.report import LawResult
from replay.verify.rows import EventRow

RECEIPT, CAME = "purchase.received.v1", "stock.received.v1"


class DeliveryCheck:
    """Units by purchase: those that came, and those of them that were expected."""

    def __init__(self, law: LawResult, ledger: str) -> None:
        self._law = law
        self._ledger = ledger
        self._told: dict[str, tuple[EventRow, int, int]] = {}
        self._came: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()

    def receipt(self, row: EventRow, data: Data) -> None:
        """After a purchase's receipt was folded: it stands before the stocks' own events."""
        accepted = sum(line.get("accepted", 0) for line in data["lines"])
        over = sum(line.get("over", 0) for line in data["lines"])
        self._told[data["purchase_id"]] = row, accepted, accepted - over

    def stock(self, row: EventRow, data: Data) -> None:
        """After units came in, or an arrival was closed."""
        if not self._told:
            return
        if row.type == CAME:
            self._came[data.get("document", "")] += data["quantity"]
        elif row.type == CLOSED and data["outcome"] == "received":
            self._ended[data["source_id"]] += data["quantity"]

    def end_of_command(self) -> None:
        for purchase_id, (row, accepted, expected) in self._told.items():
            self._law.checked += 1
            found = self._came[purchase_id], self._ended[purchase_id]
            if found != (accepted, expected):
                self._law.differ(
                    where=f"units accepted, and of them expected, by {row.name}",
                    expected=(accepted, expected),
                    found=f"{found}, by the stocks' own events of its command",
                )
        self._told.clear()
        self._came.clear()
        self._ended.clear()
