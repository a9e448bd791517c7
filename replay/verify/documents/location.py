"""An independent fold of locations, and what they are parts of."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow


class LocationDocument:
    def __init__(self, location: str) -> None:
        self._location = location
        self._registered: Data = {}
        self._parent: str | None = None

    def apply(self, row: EventRow, data: Data) -> None:
        if row.type == "location.registered.v1":
            self._registered = {
                "location": data["location"],
                "name": data["name"],
                "type": data.get("type", "warehouse"),
                "latitude_microdegrees": data.get("latitude_microdegrees"),
                "longitude_microdegrees": data.get("longitude_microdegrees"),
            }
            self._parent = None
        elif self._registered:
            self._parent = data["parent"]
        else:
            raise ValueError("the location was never registered")

    def status(self) -> str:
        return "active"

    def refs(self) -> list[str]:
        parents = [] if self._parent is None else [f"parent:{self._parent}"]
        return [f"location:{self._location}", *parents]

    def body(self) -> dict[str, Any]:
        return {**self._registered, "parent": self._parent}


KIND = DocumentKind(
    types=("location.registered.v1", "location.nested.v1"),
    begin=LocationDocument,
    names=("location",),
)
