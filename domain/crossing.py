"""A crossing as one of its two ledgers knows it: its state, and how its facts move it. Its
decisions are in `crossing_legs`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain.events import (
    CrossingArrived,
    CrossingDispatched,
    CrossingEvent,
    CrossingHandedOver,
    CrossingLine,
    CrossingReturned,
)
from domain.refusals_crossings import CrossingStatus
from domain.streams import stock_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """`other_ledger` is where the units go or come from, `location` the end of it that is here,
    and `destination` the one they go to. `code` says why the other ledger refused them.
    """

    crossing_id: str
    status: CrossingStatus
    other_ledger: str
    location: str
    destination: str
    lines: tuple[CrossingLine, ...]
    code: str | None = None

    @property
    def stock_streams(self) -> tuple[str, ...]:
        """The stocks at its end here, each once, in line order."""
        return tuple(dict.fromkeys(stock_stream(line.sku, self.location) for line in self.lines))


def evolve(
    crossing: Crossing | None,
    event: CrossingEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Crossing | None:
    """The state after one more fact of its stream."""
    match event:
        case CrossingDispatched():
            return Crossing(
                crossing_id=event.crossing_id,
                status="in_transit",
                other_ledger=event.to_ledger,
                location=event.origin,
                destination=event.destination,
                lines=event.lines,
            )
        case CrossingArrived():
            return Crossing(
                crossing_id=event.crossing_id,
                status="arrived",
                other_ledger=event.from_ledger,
                location=event.destination,
                destination=event.destination,
                lines=event.lines,
            )
        case CrossingHandedOver() if crossing is not None:
            return replace(crossing, status="handed_over")
        case CrossingReturned(code=code) if crossing is not None:
            return replace(crossing, status="returned", code=code)
        case _:
            return crossing
