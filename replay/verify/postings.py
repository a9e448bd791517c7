"""Law 5 between documents and stocks: what an assembly or a count says it did, the stocks' own
events of the same command say too, unit by unit.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from replay.verify.report import LawResult
from replay.verify.rows import EventRow

Data = dict[str, Any]
Posting = tuple[str, str, str, str]
"""What happened, of which document, of which SKU and where; of a count, what was expected."""
ASSEMBLED, DISASSEMBLED = "assembly.assembled.v1", "assembly.disassembled.v1"
POSTED, COUNTED = "count.posted.v1", "stock.counted.v1"
CONSUMED, PRODUCED = "stock.consumed.v1", "stock.produced.v1"
POSTING = frozenset({ASSEMBLED, DISASSEMBLED, POSTED, COUNTED, CONSUMED, PRODUCED})


class PostingCheck:
    def __init__(self, law: LawResult, ledger: str) -> None:
        self._law = law
        self._ledger = ledger
        self._told: Counter[Posting] = Counter()
        self._done: Counter[Posting] = Counter()
        self._position = 0

    def event(self, row: EventRow, data: Data) -> None:
        """After an event of one of the types POSTING was folded."""
        self._position = row.position
        match row.type:
            case "assembly.assembled.v1":
                self._assembly(data, went="consumed", came="produced")
            case "assembly.disassembled.v1":
                self._assembly(data, went="produced", came="consumed")
            case "count.posted.v1":
                for line in data["lines"]:
                    name = f"{data['count_id']}#{line['line']}"
                    self._told["counted", name, "", str(line["expected"])] += 1
            case "stock.counted.v1":
                # A count of one SKU is a document to nobody: `#` is in no id that is given.
                if "#" in data["count_id"]:
                    self._done["counted", data["count_id"], "", str(data["expected"])] += 1
            case _:
                what = row.type.split(".")[1]
                posting = (what, data["assembly_id"], data["sku"], data["location"])
                self._done[posting] += data["quantity"]

    def end_of_command(self) -> None:
        for posting in self._told.keys() | self._done.keys():
            self._law.checked += 1
            told, done = self._told[posting], self._done[posting]
            if told != done:
                what, document, sku, where = posting
                self._law.differ(
                    where=f"what {document} {what}: {sku or 'expected'} {where} in ledger"
                    f" {self._ledger} after position {self._position}",
                    expected=f"{told}, as the document says",
                    found=f"{done}, by the stock's own events of that command",
                )
        self._told.clear()
        self._done.clear()

    def _assembly(self, data: Data, *, went: str, came: str) -> None:
        name, place = data["assembly_id"], data["location"]
        for part in data["parts"]:
            self._told[went, name, part["sku"], place] += part["quantity"]
        self._told[came, name, data["sku"], place] += data["quantity"]
