"""Which promises a stock does not cover any more."""

from __future__ import annotations

from collections.abc import Iterable

from domain.events import ShortfallStated, UncoveredPromise
from domain.moving_stock import MovingStock
from domain.stock import Promise, Stock


def shortfall_left(before: Stock, after: MovingStock) -> ShortfallStated | None:
    """What is uncovered now, if that is another figure or of other promises than was stated."""
    if not after.uncovered and not before.uncovered_stated:
        return None
    left = uncovered_promises(after.promises.values(), after.uncovered)
    known = uncovered_promises(before.promises.values(), before.uncovered)
    if after.uncovered == before.uncovered_stated and left == known:
        return None
    return ShortfallStated(
        sku=before.sku, location=before.location, uncovered=after.uncovered, promises=left
    )


def uncovered_promises(promises: Iterable[Promise], uncovered: int) -> tuple[UncoveredPromise, ...]:
    """Whose units are uncovered: the newest promise loses first. `promises` are oldest first."""
    named = []
    for promise in reversed(list(promises)) if uncovered else ():
        units = min(uncovered, promise.quantity)
        uncovered -= units
        named.append(
            UncoveredPromise(kind=promise.kind, id=promise.id, line=promise.line, uncovered=units)
        )
        if not uncovered:
            break
    return tuple(named)
