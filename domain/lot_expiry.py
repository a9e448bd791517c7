"""A lot's last good day is put right, or off: at every place that has units of it, at once."""

from __future__ import annotations

from collections.abc import Mapping

from domain.drafts import Drafts
from domain.events import LotExpiryChanged, StockTraced, TracedUnits
from domain.holds import let_go, whole_lot
from domain.lot import Lot
from domain.lot_units import hold_id_of
from domain.refusals import Refusal
from domain.refusals_lots import LotExpiryUnchanged, UnknownLot
from domain.shelf import Shelf
from domain.values import Facts, Occasion, day_of


def change(
    lot: Lot | None, proposed: LotExpiryChanged, shelves: Mapping[str, Shelf], occasion: Occasion
) -> Facts | Refusal:
    """What was held because the lot had expired is let go if its day is to come after all; what has
    expired by the new day is held. `shelves` are those of `recalls.stock_streams`.
    """
    if lot is None:
        return UnknownLot(sku=proposed.sku, lot=proposed.lot)
    if lot.expires_on == proposed.expires_on:
        return LotExpiryUnchanged(sku=lot.sku, lot=lot.lot, expires_on=proposed.expires_on)
    drafts = Drafts(shelves, occasion)
    cause = drafts.tell(lot, proposed)
    expired = proposed.expires_on < day_of(occasion.now)
    for stream, shelf in shelves.items():
        stock, units = shelf.stock, shelf.stock.lots.get(lot.lot)
        if units is None:
            continue
        draft = drafts.of(stream)
        draft.note(
            StockTraced(
                sku=stock.sku,
                location=stock.location,
                cause_event_id=str(cause.event_id),
                units=(TracedUnits(lot=lot.lot, expires_on=proposed.expires_on),),
                cause="redated",
            )
        )
        held = stock.holds.get(hold_id_of("expired", lot.lot))
        if expired and units.sendable:
            draft.note(whole_lot(stock, lot.lot, "expired", units.sendable))
        elif not expired and held is not None:
            draft.note(let_go(stock, held, held.quantity, proposed.reason))
    return drafts.facts()
