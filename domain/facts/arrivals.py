"""Stream `stock-<sku>@<location>`: units on their way here, and how each expectation ended.

Units of a purchase are incoming, units of a transfer are in transit; neither is on hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

ArrivalSource = Literal["purchase", "transfer"]
ArrivalOutcome = Literal[
    "received",
    "short",
    "rejected",
    "cancelled",
    "lost",
    "returned",
    "rescheduled",
    "handed_over",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalExpected:
    """`source_id` is the purchase order's or the transfer's, `line` the line in it."""

    sku: str
    location: str
    source: ArrivalSource
    source_id: str
    line: int
    quantity: int
    expected_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalClosed:
    """So many of the expected units are expected no more. Those received are a fact of their own
    (StockReceived, StockArrived), which says how many really came; those rescheduled are expected
    anew, on another day, by the next fact.
    """

    sku: str
    location: str
    source: ArrivalSource
    source_id: str
    line: int
    quantity: int
    outcome: ArrivalOutcome
