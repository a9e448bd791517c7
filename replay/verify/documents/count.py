"""An independent fold of counts of many SKUs."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind, instant
from replay.verify.rows import EventRow

SKUS_FOUND_BY = 1_000


class CountDocument:
    """Lines are in the order in which their SKUs were first entered."""

    def __init__(self, count_id: str) -> None:
        self._count_id = count_id
        self._plan: Data = {}
        self._status = ""
        self._skus: list[str] = []
        self._categories: list[str] = []
        self._lines: dict[str, Data] = {}
        self._sku_of: dict[int, str] = {}
        self._recount: list[str] = []

    def apply(self, row: EventRow, data: Data) -> None:
        if row.type == "count.planned.v1":
            self._planned(data)
            return
        if not self._plan:
            raise ValueError("the count was never planned")
        match row.type:
            case "count.entered.v1":
                self._entered(data, instant(row.occurred_at))
            case "count.recount_asked.v1":
                known = self._recount
                self._recount += [sku for sku in data["skus"] if sku not in known]
            case "count.posted.v1":
                self._status = "submitting"
                for each in data["lines"]:
                    self._lines[self._sku_of[each["line"]]]["expected"] = each["expected"]
            case "count.submitted.v1":
                self._status = "submitted"
            case "count.cancelled.v1":
                self._status = "cancelled"
            case other:
                raise ValueError(f"{other} is no event of a count")

    def status(self) -> str:
        return self._status

    def refs(self) -> list[str]:
        return [
            f"location:{self._plan['location']}",
            *(f"sku:{sku}" for sku in self._skus[:SKUS_FOUND_BY]),
            *(f"category:{category}" for category in self._categories),
        ]

    def body(self) -> dict[str, Any]:
        return {
            "count_id": self._count_id,
            "location": self._plan["location"],
            "status": self._status,
            "note": self._plan.get("note", ""),
            "skus": self._skus,
            "categories": self._categories,
            "lines": self._lines,
            "recount": self._recount,
        }

    def _planned(self, data: Data) -> None:
        if not self._plan:
            self._plan, self._status = data, "planned"
        self._skus += data.get("skus", [])
        self._categories += data.get("categories", [])

    def _entered(self, data: Data, counted_at: str) -> None:
        if self._status != "submitting":
            self._status = "counting"
        for each in data["lines"]:
            self._sku_of[each["line"]] = each["sku"]
            self._lines[each["sku"]] = {
                "line": each["line"],
                "sku": each["sku"],
                "counted": each["counted"],
                "counted_at": counted_at,
                "expected": None,
                "lots": [
                    {
                        "lot": lot["lot"],
                        "quantity": lot["quantity"],
                        "expires_on": lot.get("expires_on"),
                    }
                    for lot in each.get("lots", [])
                ],
                "serials": each.get("serials", []),
            }
        entered = {each["sku"] for each in data["lines"]}
        self._recount = [sku for sku in self._recount if sku not in entered]


KIND = DocumentKind(
    types=(
        "count.planned.v1",
        "count.entered.v1",
        "count.recount_asked.v1",
        "count.posted.v1",
        "count.submitted.v1",
        "count.cancelled.v1",
    ),
    begin=CountDocument,
    names=("count_id",),
)
