"""Stream `purchase-<id>`: what is bought, and what became of each line.

What a purchase does to the stocks of its lines are facts of those stocks, of the same command:
arrivals that are expected or closed (`domain.facts.arrivals`), and receipts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.facts.lines import LineLot, LineUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseLine:
    line: int
    sku: str
    quantity: int
    unit_price_micros: int = 0
    expected_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchasePlaced:
    """All of it is to come to `location`; `supplier` is a location as well."""

    purchase_id: str
    location: str
    supplier: str | None = None
    currency: str = "XXX"
    lines: tuple[PurchaseLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseApproved:
    """From here on every unit of every line is expected."""

    purchase_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseChanged:
    """The purchase's whole lines after the change: a line that is left out is wanted no more."""

    purchase_id: str
    lines: tuple[PurchaseLine, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedLine:
    """`accepted` units came on hand, of which `over` were not expected; `rejected` ones did not.

    `lots` are those of the accepted units, of an item that is tracked.
    """

    line: int
    accepted: int
    rejected: int = 0
    over: int = 0
    reason: str = ""
    lots: tuple[LineLot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseReceived:
    """One delivery, under the business's own name for it."""

    purchase_id: str
    receipt_id: str
    lines: tuple[ReceivedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseClosed:
    """`short` is what never came and is expected no more."""

    purchase_id: str
    short: tuple[LineUnits, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseCancelled:
    """`withdrawn` is what was expected until now; what came before stays."""

    purchase_id: str
    withdrawn: tuple[LineUnits, ...] = ()
    reason: str = ""
