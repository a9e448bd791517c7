"""Stream `stock-<sku>@<location>`: units kept back for their condition, let go, or written off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HoldKind = Literal["quality", "quarantine", "damaged", "recalled", "expired", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockHeld:
    """Units on hand that may neither be promised nor sent, under a hold that can be let go.

    `approved_by` is the subject id of whoever agreed, where the ledger's policy asks for one.
    """

    sku: str
    location: str
    hold_id: str
    kind: HoldKind
    quantity: int
    lot: str | None = None
    reason_code: str = ""
    reason: str = ""
    document: str = ""
    approved_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    """Units of a hold are stock like any other again."""

    sku: str
    location: str
    hold_id: str
    quantity: int
    reason: str = ""
    document: str = ""
    approved_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockWrittenOff:
    """Units left for nowhere: out of a hold when `hold_id` names one, otherwise out of sound stock.

    `approved_by` is the subject id of whoever agreed, where the ledger's policy asks for one.
    """

    sku: str
    location: str
    quantity: int
    reason_code: str
    hold_id: str | None = None
    reason: str = ""
    document: str = ""
    approved_by: str | None = None
