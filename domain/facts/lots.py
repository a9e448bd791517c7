"""Stream `lot-<sku>@<lot>`: a batch of an item that was made, expires and is recalled together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRegistered:
    """By a command of its own, or when its first units came in. `expires_on`: its last good day."""

    sku: str
    lot: str
    expires_on: date | None = None
    made_on: date | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLocated:
    """Units of the lot came to a location for the first time: a recall looks there."""

    sku: str
    lot: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LotExpiryChanged:
    """Its last good day is another one, wherever its units are: it was told wrong, or put off."""

    sku: str
    lot: str
    expires_on: date
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRecalled:
    """All its units are held wherever they are, and whatever of it still comes in."""

    sku: str
    lot: str
    recall_id: str
    reason_code: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallEnded:
    """Its units are let go again."""

    sku: str
    lot: str
    recall_id: str
    reason: str = ""
