"""An independent fold of crossings: where the units are, as one of the two ledgers knows it."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow

STATUS = {
    "crossing.dispatched.v1": "in_transit",
    "crossing.arrived.v1": "arrived",
    "crossing.handed_over.v1": "handed_over",
    "crossing.returned.v1": "returned",
}
LEAVING = "crossing.dispatched.v1"
ENDINGS = ("crossing.handed_over.v1", "crossing.returned.v1")


class CrossingDocument:
    def __init__(self, crossing_id: str) -> None:
        self._crossing_id = crossing_id
        self._status = ""
        self._begun: Data = {}
        self._ends: dict[str, str] = {}
        self._code: str | None = None

    def apply(self, row: EventRow, data: Data) -> None:
        if row.type in ENDINGS:
            if self._status != "in_transit":
                raise ValueError(f"a crossing that is {self._status or 'unknown'} ended")
            self._code = data.get("code")
        else:
            leaves = row.type == LEAVING
            self._begun = data
            self._ends = {
                "other_ledger": data["to_ledger" if leaves else "from_ledger"],
                "location": data["origin" if leaves else "destination"],
                "destination": data["destination"],
            }
        self._status = STATUS[row.type]

    def status(self) -> str:
        return self._status

    def refs(self) -> list[str]:
        ends = [f"ledger:{self._ends['other_ledger']}", f"location:{self._ends['location']}"]
        return ends + [f"sku:{line['sku']}" for line in self._begun["lines"]]

    def body(self) -> dict[str, Any]:
        return {
            "crossing_id": self._crossing_id,
            "status": self._status,
            **self._ends,
            "lines": [_line(line) for line in self._begun["lines"]],
            "code": self._code,
        }


def _line(line: Data) -> Data:
    lots = [{"expires_on": None, **each} for each in line.get("lots", ())]
    return {name: line[name] for name in ("line", "sku", "quantity")} | {"lots": lots}


KIND = DocumentKind(types=tuple(STATUS), begin=CrossingDocument, names=("crossing_id",))
