"""An independent fold of transfers: what was sent, what arrived of it, and what did not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow

TYPES = (
    "transfer.placed.v1",
    "transfer.dispatched.v1",
    "transfer.received.v1",
    "transfer.closed.v1",
    "transfer.cancelled.v1",
)


class TransferDocument:
    def __init__(self, transfer_id: str) -> None:
        self._transfer_id = transfer_id
        self._placed: Data = {}
        self._step = ""
        self._lines: dict[int, dict[str, Any]] = {}
        self._receipts: list[str] = []

    def apply(self, row: EventRow, data: Data) -> None:
        self._step = row.type.split(".")[1]
        if self._step == "placed":
            self._placed = data
            self._lines = {
                line["line"]: {
                    "line": line["line"],
                    "sku": line["sku"],
                    "quantity": line["quantity"],
                    "sent": 0,
                    "arrived": 0,
                    "settled": 0,
                    "lots": [],
                }
                for line in data["lines"]
            }
            return
        if not self._placed:
            raise ValueError("the transfer was never placed")
        match self._step:
            case "dispatched":
                for sent in data["lines"]:
                    line = self._lines[sent["line"]]
                    line["sent"] = sent["quantity"]
                    line["lots"] = [{"expires_on": None, **each} for each in sent.get("lots", ())]
            case "received":
                self._receipts.append(data["receipt_id"])
                for came in data["lines"]:
                    line = self._lines[came["line"]]
                    line["arrived"] += came["quantity"]
                    line["settled"] += came["quantity"] - came.get("over", 0)
                    _take(line, came.get("lots", ()))
            case _:
                name = "missing" if self._step == "closed" else "returned"
                for gone in data.get(name, ()):
                    line = self._lines[gone["line"]]
                    line["settled"] += gone["quantity"]
                    _take(line, gone.get("lots", ()))

    def status(self) -> str:
        match self._step:
            case "dispatched":
                return "in_transit"
            case "received":
                lines = self._lines.values()
                left = any(line["sent"] > line["settled"] for line in lines)
                return "partly_received" if left else "received"
            case step:
                return step

    def refs(self) -> list[str]:
        ends = (self._placed["origin"], self._placed["destination"])
        lines = self._lines.values()
        lots = [f"lot:{line['sku']}/{lot['lot']}" for line in lines for lot in line["lots"]]
        skus = [f"sku:{line['sku']}" for line in lines]
        return [*(f"location:{place}" for place in ends), *skus, *lots]

    def body(self) -> dict[str, Any]:
        return {
            "transfer_id": self._transfer_id,
            "status": self.status(),
            "origin": self._placed["origin"],
            "destination": self._placed["destination"],
            "expected_on": self._placed.get("expected_on"),
            "lines": list(self._lines.values()),
            "receipts": self._receipts,
        }


def _take(line: dict[str, Any], lots: Iterable[Data]) -> None:
    """Lots that are in transit no more."""
    for gone in lots:
        for there in line["lots"]:
            if there["lot"] == gone["lot"]:
                there["quantity"] -= gone["quantity"]
    line["lots"] = [each for each in line["lots"] if each["quantity"] > 0]


KIND = DocumentKind(types=TYPES, begin=TransferDocument, names=("transfer_id",))
