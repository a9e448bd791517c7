"""A lot: units of an item that were made, expire and are recalled together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never

from domain.events import (
    LotEvent,
    LotExpiryChanged,
    LotLocated,
    LotRecalled,
    LotRegistered,
    RecallEnded,
)
from domain.item import Item
from domain.refusals import Refusal, UnknownItem
from domain.refusals_lots import LotExists, LotsNotTaken
from domain.streams import lot_stream
from domain.values import Fact, Facts, Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """`locations`: every place that ever had units of it, in the order they came there. `formerly`:
    last good days that were told before: what speaks of one means this lot all the same.
    """

    sku: str
    lot: str
    expires_on: date | None = None
    made_on: date | None = None
    origin: str = ""
    locations: tuple[str, ...] = ()
    recall_id: str | None = None
    formerly: tuple[date, ...] = ()

    def expired(self, today: date) -> bool:
        return self.expires_on is not None and self.expires_on < today


def evolve(
    lot: Lot | None,
    event: LotEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Lot | None:
    """The state after one more fact of its stream; nothing comes before it was registered."""
    if isinstance(event, LotRegistered):
        return Lot(
            sku=event.sku,
            lot=event.lot,
            expires_on=event.expires_on,
            made_on=event.made_on,
            origin=event.origin,
        )
    if lot is None:
        return None
    match event:
        case LotLocated(location=location):
            return replace(lot, locations=(*lot.locations, location))
        case LotExpiryChanged(expires_on=expires_on):
            former = () if lot.expires_on is None else (lot.expires_on,)
            return replace(lot, expires_on=expires_on, formerly=(*lot.formerly, *former))
        case LotRecalled(recall_id=recall_id):
            return replace(lot, recall_id=recall_id)
        case RecallEnded():
            return replace(lot, recall_id=None)
        case _:
            assert_never(event)


def register(
    lot: Lot | None, item: Item | None, proposed: LotRegistered, occasion: Occasion
) -> Facts | Refusal:
    """Before its first units come in; otherwise they register it themselves."""
    if item is None:
        return UnknownItem(sku=proposed.sku)
    if item.tracking != "lot":
        return LotsNotTaken(sku=item.sku, tracking=item.tracking)
    if lot is not None:
        return LotExists(sku=proposed.sku, lot=proposed.lot)
    return (lot_fact(proposed, occasion),)


def lot_fact(event: LotEvent, occasion: Occasion) -> Fact:
    """The fact on its lot's stream."""
    return Fact(
        stream=lot_stream(event.sku, event.lot),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
