"""What each event does to the quantities of a stock, from the event alone."""

from __future__ import annotations

from dataclasses import dataclass

from domain.construction import made_often
from domain.events import (
    CommitmentReleased,
    CountRestated,
    DiscrepancyFound,
    Event,
    ReservationExpired,
    ReservationReleased,
    ShortfallStated,
    StockAdjusted,
    StockCommitted,
    StockCounted,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
)


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """Units by which each quantity moves. `uncovered` is no delta but the figure from here on, or
    None when the event says nothing about it.
    """

    on_hand: int = 0
    reserved: int = 0
    committed: int = 0
    picked: int = 0
    held: int = 0
    uncovered: int | None = None


UNMOVED = Deltas()


def deltas(event: Event) -> Deltas:
    """Everything but a stock event moves nothing."""
    match event:
        case StockCommitted(quantity=units):
            return Deltas(committed=units)
        case StockShipped(quantity=units):
            return Deltas(
                on_hand=-units,
                committed=-units if event.order_id is not None else 0,
                reserved=-units if event.reservation_id is not None else 0,
            )
        case StockReceived(quantity=units) | DiscrepancyFound(quantity=units):
            return Deltas(on_hand=units)
        case StockAdjusted(delta=units):
            return Deltas(on_hand=units, held=units if event.condition == "damaged" else 0)
        case CountRestated(delta=units):
            return Deltas(on_hand=units)
        case StockCounted():
            return Deltas(on_hand=event.counted - event.expected)
        case StockReserved(quantity=units):
            return Deltas(reserved=units)
        case ReservationReleased(quantity=units) | ReservationExpired(quantity=units):
            return Deltas(reserved=-units)
        case CommitmentReleased(quantity=units):
            return Deltas(committed=-units)
        case StockReturned(quantity=units):
            return Deltas(on_hand=units, held=units if event.to == "damaged" else 0)
        case ShortfallStated():
            return Deltas(uncovered=event.uncovered)
        case _:
            return UNMOVED
