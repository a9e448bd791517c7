"""What each event does to the quantities of a stock, from the event alone."""

from __future__ import annotations

from dataclasses import dataclass

from domain.construction import made_often
from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    BackorderClosed,
    CommitmentReleased,
    CountRestated,
    DiscrepancyFound,
    Event,
    HoldReleased,
    PickedShipped,
    ReservationExpired,
    ReservationReleased,
    ShortfallStated,
    StockAdjusted,
    StockArrived,
    StockBackordered,
    StockCommitted,
    StockConsumed,
    StockCounted,
    StockDispatched,
    StockHeld,
    StockMovedIn,
    StockMovedOut,
    StockPicked,
    StockProduced,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
    StockUnpicked,
    StockWrittenOff,
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
    incoming: int = 0
    in_transit: int = 0
    waiting: int = 0
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
            return _of_further(event)


def _of_further(event: Event) -> Deltas:
    match event:
        case StockPicked(quantity=units):
            return Deltas(committed=-units, picked=units)
        case StockUnpicked(quantity=units):
            return Deltas(committed=units, picked=-units)
        case PickedShipped(quantity=units):
            return Deltas(on_hand=-units, picked=-units)
        case StockHeld(quantity=units):
            return Deltas(held=units)
        case HoldReleased(quantity=units):
            return Deltas(held=-units)
        case StockWrittenOff(quantity=units):
            return Deltas(on_hand=-units, held=0 if event.hold_id is None else -units)
        case StockMovedOut(quantity=units) | StockDispatched(quantity=units):
            return Deltas(on_hand=-units)
        case StockConsumed(quantity=units):
            return Deltas(on_hand=-units)
        case StockMovedIn(quantity=units) | StockArrived(quantity=units):
            return Deltas(on_hand=units)
        case StockProduced(quantity=units):
            return Deltas(on_hand=units)
        case ArrivalExpected(quantity=units):
            return _arrival(event.source, units)
        case ArrivalClosed(quantity=units):
            return _arrival(event.source, -units)
        case StockBackordered(quantity=units):
            return Deltas(waiting=units)
        case BackorderClosed(quantity=units):
            return Deltas(waiting=-units)
        case _:
            return UNMOVED


def _arrival(source: str, units: int) -> Deltas:
    return Deltas(incoming=units) if source == "purchase" else Deltas(in_transit=units)
