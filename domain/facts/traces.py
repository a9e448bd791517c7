"""Stream `stock-<sku>@<location>`: which lots or serials a fact was about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedUnits:
    """Signed units of one lot (or serial) by which its on hand, picked and held change here.

    `expires_on` is the lot's, told whenever units of it come in.
    """

    lot: str
    on_hand: int = 0
    picked: int = 0
    held: int = 0
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTraced:
    """Which lots (or serials) the fact before it moved: of an item that is tracked, every fact
    that moves on hand, picked or held is followed by one, in the same command.
    """

    sku: str
    location: str
    cause_event_id: str
    units: tuple[TracedUnits, ...]
