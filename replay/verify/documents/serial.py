"""An independent fold of serials: where each single unit is."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow


class SerialDocument:
    def __init__(self, name: str) -> None:
        self._sku, _, self._serial = name.partition("@")
        self._last: Data = {}
        self._location: str | None = None
        self._expires_on: str | None = None

    def apply(self, row: EventRow, data: Data) -> None:
        if row.type == "serial.placed.v1":
            self._location, self._expires_on = data["location"], data.get("expires_on")
        elif row.type == "serial.left.v1":
            if not self._last:
                raise ValueError("the serial was never placed")
            self._location = None
        else:
            raise ValueError(f"{row.type} is no event of a serial")
        self._last = data

    def status(self) -> str:
        return "in_place" if self._location else "left"

    def refs(self) -> list[str]:
        location, order = self._location, self._last.get("order_id")
        return [
            f"sku:{self._sku}",
            f"serial:{self._sku}/{self._serial}",
            *([f"location:{location}", f"stock:{self._sku}@{location}"] if location else []),
            *([f"order:{order}"] if order else []),
        ]

    def body(self) -> dict[str, Any]:
        return {
            "sku": self._sku,
            "serial": self._serial,
            "location": self._location,
            "cause": self._last["cause"],
            "order_id": self._last.get("order_id"),
            "reference": self._last.get("reference", ""),
            "expires_on": self._expires_on,
        }


KIND = DocumentKind(
    types=("serial.placed.v1", "serial.left.v1"),
    begin=SerialDocument,
    names=("sku", "serial"),
)
