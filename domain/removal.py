"""In which order the lots (or serials) of an item leave."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from heapq import nlargest, nsmallest

from domain.events import Removal
from domain.stock import LotUnits


def choose(
    lots: Iterable[LotUnits], quantity: int, removal: Removal, today: date
) -> list[tuple[str, int]]:
    """So many units, lot by lot: fewer when no more may leave. Neither expired nor held ones do.

    FEFO: what expires first goes first, what never expires goes last; FIFO: what came first; LIFO:
    what came last.
    """
    chosen: list[tuple[str, int]] = []
    left = quantity
    good = [
        lot
        for lot in lots
        if lot.on_hand > lot.picked + lot.held and not (lot.expires_on and lot.expires_on < today)
    ]
    # Each has a unit at least: no more lots than units are needed, however many there are.
    if removal == "lifo":
        first = nlargest(quantity, good, key=_by_arrival)
    else:
        first = nsmallest(quantity, good, key=_by_expiry if removal == "fefo" else _by_arrival)
    for lot in first:
        if not left:
            break
        units = min(left, lot.free)
        chosen.append((lot.lot, units))
        left -= units
    return chosen


def _by_expiry(lot: LotUnits) -> tuple[date, datetime, str]:
    return lot.expires_on or date.max, lot.arrived_at, lot.lot


def _by_arrival(lot: LotUnits) -> tuple[datetime, str]:
    return lot.arrived_at, lot.lot
