"""Units of the lots (or serials) at one stock, as traces move them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Literal

from domain.events import StockTraced
from domain.stock import LotUnits, promise_key

OF_HOLDS = frozenset({"held", "let_go", "written_off"})
LotHoldKind = Literal["recalled", "expired"]


def hold_id_of(kind: LotHoldKind, lot: str) -> str:
    """The hold that keeps back all units of a lot for what has become of the lot itself."""
    return f"{kind}:{lot}"


def trace(lots: dict[str, LotUnits], event: StockTraced, occurred_at: datetime) -> None:
    """Change `lots` by what the event says; a lot without units is no longer there."""
    line = None if event.order_id is None else promise_key("order", event.order_id, event.line)
    hold_id = event.reference if event.cause in OF_HOLDS and event.reference else None
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
            picked_for=_shared(known.picked_for, line, units.picked),
            held_by=_shared(known.held_by, hold_id, units.held),
        )
        if left.on_hand or left.picked or left.held:
            lots[units.lot] = left
        else:
            lots.pop(units.lot, None)


def expired_units(lots: Iterable[LotUnits], today: date) -> int:
    """Units that are past their day and not held for it yet: nobody may be promised them."""
    return sum(lot.free for lot in lots if lot.expired(today))


def _shared(shares: dict[str, int], name: str | None, units: int) -> dict[str, int]:
    """Who has how many of the units, after one has so many more; without those that have none."""
    if name is None or not units:
        return shares
    left = shares.get(name, 0) + units
    others = {other: count for other, count in shares.items() if other != name}
    return others | {name: left} if left else others
