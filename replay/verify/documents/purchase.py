"""An independent fold of purchases: what was ordered, what came of it, and what did not."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow

TYPES = (
    "purchase.placed.v1",
    "purchase.approved.v1",
    "purchase.changed.v1",
    "purchase.received.v1",
    "purchase.closed.v1",
    "purchase.cancelled.v1",
)
GIVEN_UP = {"purchase.closed.v1": "short", "purchase.cancelled.v1": "withdrawn"}


class PurchaseDocument:
    def __init__(self, purchase_id: str) -> None:
        self._purchase_id = purchase_id
        self._placed: Data = {}
        self._step = ""
        self._lines: dict[int, dict[str, Any]] = {}
        self._receipts: list[str] = []

    def apply(self, row: EventRow, data: Data) -> None:
        if row.type == "purchase.placed.v1":
            self._placed = data
            self._lines = {}
            self._order(data["lines"])
        elif not self._placed:
            raise ValueError("the purchase was never placed")
        elif row.type == "purchase.changed.v1":
            self._order(data["lines"])
        elif row.type == "purchase.received.v1":
            self._receipts.append(data["receipt_id"])
            for came in data["lines"]:
                line = self._lines[came["line"]]
                line["accepted"] += came["accepted"]
                line["rejected"] += came.get("rejected", 0)
                more = came["accepted"] + came.get("rejected", 0)
                line["settled"] = min(line["quantity"], line["settled"] + more)
        elif row.type in GIVEN_UP:
            for gone in data.get(GIVEN_UP[row.type], ()):
                self._lines[gone["line"]]["settled"] += gone["quantity"]
        if row.type != "purchase.changed.v1":
            self._step = row.type.split(".")[1]

    def status(self) -> str:
        if not self._receipts or self._step in ("closed", "cancelled"):
            return self._step
        left = any(line["quantity"] > line["settled"] for line in self._lines.values())
        return "partly_received" if left else "received"

    def refs(self) -> list[str]:
        supplier = self._placed.get("supplier")
        return [
            f"location:{self._placed['location']}",
            *([] if supplier is None else [f"supplier:{supplier}"]),
            *(f"sku:{line['sku']}" for line in self._lines.values()),
        ]

    def body(self) -> dict[str, Any]:
        return {
            "purchase_id": self._purchase_id,
            "status": self.status(),
            "location": self._placed["location"],
            "supplier": self._placed.get("supplier"),
            "currency": self._placed.get("currency", "XXX"),
            "lines": list(self._lines.values()),
            "receipts": self._receipts,
        }

    def _order(self, lines: list[Data]) -> None:
        """What came of a line stays with it as long as its SKU does."""
        before, self._lines = self._lines, {}
        for line in lines:
            known = before.get(line["line"], {})
            came = known if known.get("sku") == line["sku"] else {}
            self._lines[line["line"]] = {
                "line": line["line"],
                "sku": line["sku"],
                "quantity": line["quantity"],
                "unit_price_micros": line.get("unit_price_micros", 0),
                "expected_on": line.get("expected_on"),
                "accepted": came.get("accepted", 0),
                "rejected": came.get("rejected", 0),
                "settled": came.get("settled", 0),
            }


KIND = DocumentKind(types=TYPES, begin=PurchaseDocument, names=("purchase_id",))
