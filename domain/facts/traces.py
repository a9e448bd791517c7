"""Stream `stock-<sku>@<location>`: which lots or serials a fact was about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

TraceCause = Literal[
    "received",
    "adjusted",
    "counted",
    "restated",
    "found",
    "shipped",
    "returned",
    "picked",
    "unpicked",
    "held",
    "let_go",
    "written_off",
    "moved_out",
    "moved_in",
    "dispatched",
    "arrived",
    "consumed",
    "produced",
    "redated",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedUnits:
    """Signed units of one lot (or serial) by which its on hand, picked and held change here.

    `expires_on` is the lot's, told whenever units of it come in, and alone when it is changed.
    """

    lot: str
    on_hand: int = 0
    picked: int = 0
    held: int = 0
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTraced:
    """Which lots (or serials) the fact before it moved: of an item that is tracked, every fact
    that moves on hand, picked or held is followed by one, in the same command. So is a lot's other
    last good day (`redated`), at each place that has units of it.

    `cause` says what that fact was. `order_id` and `line` are those it names; `reference` is the id
    of whatever else it names: a shipment, reservation, transfer, move, assembly, hold or count.
    `serials`: its units are serials, each of which has a stream of its own.
    """

    sku: str
    location: str
    cause_event_id: str
    units: tuple[TracedUnits, ...]
    cause: TraceCause | None = None
    order_id: str | None = None
    line: int | None = None
    reference: str = ""
    serials: bool = False
