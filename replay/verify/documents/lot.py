"""An independent fold of lots: when they expire, where they were, whether they are recalled."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow


class LotDocument:
    def __init__(self, name: str) -> None:
        self._sku, _, self._lot = name.partition("@")
        self._registered: Data = {}
        self._locations: list[str] = []
        self._recall: str | None = None
        self._formerly: list[str] = []

    def apply(self, row: EventRow, data: Data) -> None:
        if row.type == "lot.registered.v1":
            self._registered = {
                "expires_on": data.get("expires_on"),
                "made_on": data.get("made_on"),
                "origin": data.get("origin", ""),
            }
            self._locations, self._recall, self._formerly = [], None, []
            return
        if not self._registered:
            raise ValueError("the lot was never registered")
        match row.type:
            case "lot.located.v1":
                self._locations.append(data["location"])
            case "lot.expiry_changed.v1":
                if self._registered["expires_on"] is not None:
                    self._formerly.append(self._registered["expires_on"])
                self._registered["expires_on"] = data["expires_on"]
            case "lot.recalled.v1":
                self._recall = data["recall_id"]
            case "lot.recall_ended.v1":
                self._recall = None
            case other:
                raise ValueError(f"{other} is no event of a lot")

    def status(self) -> str:
        return "recalled" if self._recall else "active"

    def refs(self) -> list[str]:
        return [
            f"sku:{self._sku}",
            f"lot:{self._sku}/{self._lot}",
            *(f"location:{location}" for location in self._locations),
            *([f"recall:{self._recall}"] if self._recall else []),
        ]

    def body(self) -> dict[str, Any]:
        return {
            "sku": self._sku,
            "lot": self._lot,
            **self._registered,
            "locations": self._locations,
            "recall_id": self._recall,
            "formerly": self._formerly,
        }


KIND = DocumentKind(
    types=(
        "lot.registered.v1",
        "lot.located.v1",
        "lot.expiry_changed.v1",
        "lot.recalled.v1",
        "lot.recall_ended.v1",
    ),
    begin=LotDocument,
    names=("sku", "lot"),
)
