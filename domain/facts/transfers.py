"""Stream `transfer-<id>`: units sent from one location to another, and what became of each line.

Between the two legs the units are in transit at the destination. What a transfer does to the stocks
are facts of those stocks, of the same command (`domain.facts.moves`, `domain.facts.arrivals`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from domain.facts.lines import LineLot, LineUnits

Remainder = Literal["lost", "returned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLine:
    line: int
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPlaced:
    """Units are to go from `origin` to `destination`: a plan, which promises nothing."""

    transfer_id: str
    origin: str
    destination: str
    expected_on: date | None = None
    lines: tuple[TransferLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDispatched:
    """The units that left, once for all: what a line wanted beyond them is not sent."""

    transfer_id: str
    lines: tuple[LineUnits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedLine:
    """`quantity` units came on hand at the destination, of which `over` were not in transit.

    `lots` are as in LineUnits.
    """

    line: int
    quantity: int
    over: int = 0
    lots: tuple[LineLot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceived:
    """One delivery, under the business's own name for it."""

    transfer_id: str
    receipt_id: str
    lines: tuple[ArrivedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferClosed:
    """`missing` never arrived: they are lost, or on hand at the origin again."""

    transfer_id: str
    rest: Remainder
    missing: tuple[LineUnits, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCancelled:
    """`returned` units were in transit and are on hand at the origin again."""

    transfer_id: str
    returned: tuple[LineUnits, ...] = ()
    reason: str = ""
