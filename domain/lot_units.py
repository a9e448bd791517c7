"""Units of the lots (or serials) at one stock, as traces move them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from domain.events import StockTraced
from domain.stock import LotUnits


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
        )
        if left.on_hand or left.picked or left.held:
            lots[units.lot] = left
        else:
            lots.pop(units.lot, None)
