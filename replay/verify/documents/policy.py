"""An independent fold of a ledger's policy, and of what it counts as reserved under a quota."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow

SET: dict[str, Any] = {
    "reservation_quota": None,
    "reservation_seconds_max": None,
    "approval_units": None,
    "reason_codes": [],
    "payment_seconds": None,
}


class PolicyDocument:
    def __init__(self, _: str) -> None:
        self._version = 0
        self._set = SET
        self._reserved = 0
        self._since: int | None = None
        self._is_opened = False

    def apply(self, row: EventRow, data: Data) -> None:
        self._version += 1
        match row.type:
            case "policy.set.v1":
                had_quota = self._set["reservation_quota"] is not None
                self._set = {name: data.get(name, default) for name, default in SET.items()}
                has_quota = self._set["reservation_quota"] is not None
                if not (had_quota and has_quota):
                    self._reserved, self._is_opened = 0, False
                    self._since = self._version if has_quota else None
            case "policy.quota_opened.v1":
                self._reserved += data["units"]
                self._is_opened = True
            case _:
                self._reserved = data["known"]

    def status(self) -> str:
        return "active"

    def refs(self) -> list[str]:
        return []

    def body(self) -> dict[str, Any]:
        return {
            "version": self._version,
            **self._set,
            "reserved_units": self._reserved,
            "quota_since": self._since,
            "is_opened": self._is_opened,
        }


KIND = DocumentKind(
    types=("policy.set.v1", "policy.reserved_units_counted.v1", "policy.quota_opened.v1"),
    begin=PolicyDocument,
    names=(),
    only="ledger",
)
