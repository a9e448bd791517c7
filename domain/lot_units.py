"""Units of the lots (or serials) at one stock, as traces move them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Literal

from domain.events import StockTraced, TracedUnits
from domain.stock import LotUnits, promise_key

LotHoldKind = Literal["recalled", "expired"]


def hold_id_of(kind: LotHoldKind, lot: str) -> str:
    """The hold that keeps back all units of a lot for what has become of the lot itself."""
    return f"{kind}:{lot}"


def trace(lots: dict[str, LotUnits], event: StockTraced, occurred_at: datetime) -> None:
    """Change `lots` by what the event says; a lot without units is no longer there."""
    for units in event.units:
        known = lots.get(units.lot)
        if known is None:
            known = LotUnits(lot=units.lot, arrived_at=occurred_at)
        left = replace(
            known,
            on_hand=known.on_hand + units.on_hand,
            picked=known.picked + units.picked,
            held=known.held + units.held,
            expires_on=units.expires_on or known.expires_on,
            picked_for=_picked_for(known, event, units),
        )
        if left.on_hand or left.picked or left.held:
            lots[units.lot] = left
        else:
            lots.pop(units.lot, None)


def expired_units(lots: Iterable[LotUnits], today: date) -> int:
    """Units that are past their day and not held for it yet: nobody may be promised them."""
    return sum(lot.free for lot in lots if lot.expired(today))


def _picked_for(known: LotUnits, event: StockTraced, units: TracedUnits) -> dict[str, int]:
    if not units.picked or event.order_id is None:
        return known.picked_for
    key = promise_key("order", event.order_id, event.line)
    picked = known.picked_for.get(key, 0) + units.picked
    others = {name: count for name, count in known.picked_for.items() if name != key}
    return others | {key: picked} if picked else others
