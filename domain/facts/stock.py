"""Stream `stock-<sku>@<location>`: what came, went, was counted or set right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from domain.construction import made_often

Disposition = Literal["stock", "damaged"]


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class StockReceived:
    """Units came in; `document` is the delivery note, the purchase or the like."""

    sku: str
    location: str
    quantity: int
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjusted:
    """`delta` is signed: negative for losses, positive for what was found. Of damaged units, it
    moves what is held as well.
    """

    sku: str
    location: str
    delta: int
    reason: str
    condition: Disposition = "stock"
    reason_code: str = ""
    document: str = ""
    approved_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounted:
    """`expected` is the on hand the ledger knew for the count's own `occurred_at`; the variance is
    `counted - expected`, and on hand moves by it.
    """

    sku: str
    location: str
    count_id: str
    counted: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRestated:
    """A fact dated before a count became known after it. The counted quantity stands, so on hand
    moves by `delta` (the opposite of that fact's own) and the count's variance becomes `counted
    - expected`.
    """

    sku: str
    location: str
    count_id: str
    cause_event_id: str
    counted: int
    expected: int
    delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyFound:
    """Units that must have been there, since a fact took more than on hand held: brings on hand to
    0.
    """

    sku: str
    location: str
    quantity: int
    cause_event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReturned:
    """On hand goes up; returned `to` damaged it is held as well."""

    sku: str
    location: str
    quantity: int
    to: Disposition = "stock"
    order_id: str | None = None
    reason: str = ""
