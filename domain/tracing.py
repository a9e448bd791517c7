"""Which lots (or serials) of a tracked item a fact is about, and what it does to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from domain.events import (
    CountRestated,
    DiscrepancyFound,
    HoldReleased,
    PickedShipped,
    StockAdjusted,
    StockArrived,
    StockConsumed,
    StockCounted,
    StockDispatched,
    StockEvent,
    StockHeld,
    StockMovedIn,
    StockMovedOut,
    StockPicked,
    StockProduced,
    StockReceived,
    StockReturned,
    StockShipped,
    StockTraced,
    StockUnpicked,
    StockWrittenOff,
    TracedUnits,
)
from domain.facts.traces import TraceCause
from domain.lot_choice import Sight, units_of
from domain.named_units import NamedUnits, Selected, selected
from domain.quantities import deltas
from domain.refusals import Refusal
from domain.refusals_lots import UnitsRefusal
from domain.stock import LotUnits

Traced = tuple[TracedUnits, ...]
OfAnOrder = (StockShipped, StockPicked, StockUnpicked, PickedShipped, StockReturned)
CAUSES: Mapping[type, tuple[TraceCause, str]] = {
    # What the fact is called, and its field for `reference`.
    StockReceived: ("received", ""),
    StockAdjusted: ("adjusted", ""),
    StockCounted: ("counted", "count_id"),
    CountRestated: ("restated", "count_id"),
    DiscrepancyFound: ("found", ""),
    StockShipped: ("shipped", "reservation_id"),
    PickedShipped: ("shipped", "shipment_id"),
    StockReturned: ("returned", ""),
    StockPicked: ("picked", "pick_id"),
    StockUnpicked: ("unpicked", ""),
    StockHeld: ("held", "hold_id"),
    HoldReleased: ("let_go", "hold_id"),
    StockWrittenOff: ("written_off", "hold_id"),
    StockMovedOut: ("moved_out", "move_id"),
    StockMovedIn: ("moved_in", "move_id"),
    StockDispatched: ("dispatched", "transfer_id"),
    StockArrived: ("arrived", "transfer_id"),
    StockConsumed: ("consumed", "assembly_id"),
    StockProduced: ("produced", "assembly_id"),
}


def traced(
    event: StockEvent, named: NamedUnits, sight: Sight, lots_then: Mapping[str, int]
) -> Traced | UnitsRefusal:
    """Empty for a fact that moves nothing of any lot. `lots_then`: on hand of each lot at a count's
    own instant.
    """
    if isinstance(event, StockCounted):
        return _counted(event, named, sight, lots_then)
    moved = deltas(event)
    quantity = max(abs(moved.on_hand), abs(moved.picked), abs(moved.held))
    if not quantity:
        return ()
    units = units_of(event, quantity, moved, named, sight)
    if isinstance(units, Refusal):
        return units
    return tuple(
        TracedUnits(
            lot=each.lot,
            on_hand=_signed(each.quantity, moved.on_hand),
            picked=_signed(each.quantity, moved.picked),
            held=_signed(each.quantity, moved.held),
            expires_on=each.expires_on if moved.on_hand > 0 else None,
        )
        for each in units
    )


def trace_of(
    event: StockEvent, event_id: str, units: Traced, *, serials: bool = False
) -> StockTraced:
    """The fact that follows another one, of any that moves lots."""
    cause, reference = CAUSES[type(event)]
    of_an_order = isinstance(event, OfAnOrder)
    return StockTraced(
        sku=event.sku,
        location=event.location,
        cause_event_id=event_id,
        units=units,
        cause=cause,
        order_id=getattr(event, "order_id", None) if of_an_order else None,
        line=getattr(event, "line", None) if of_an_order else None,
        reference=(getattr(event, reference) or "") if reference else "",
        serials=serials,
    )


def taken_back(units: Traced) -> Traced:
    """What undoes the movement of on hand."""
    moved = (each for each in units if each.on_hand)
    return tuple(TracedUnits(lot=each.lot, on_hand=-each.on_hand) for each in moved)


def missing(units: Traced, lots: Mapping[str, LotUnits]) -> Traced:
    """What must have been there of each lot that would have less than nothing."""
    found = []
    for each in units:
        known = lots.get(each.lot)
        left = each.on_hand + (0 if known is None else known.on_hand)
        if each.on_hand < 0 and left < 0:
            found.append(TracedUnits(lot=each.lot, on_hand=-left))
    return tuple(found)


def _signed(units: int, delta: int) -> int:
    return 0 if not delta else units if delta > 0 else -units


def _counted(
    event: StockCounted, named: NamedUnits, sight: Sight, lots_then: Mapping[str, int]
) -> Traced | UnitsRefusal:
    """A lot that is not named was not there."""
    if not event.counted and not named:
        units: Selected = ()
    else:
        found = selected(sight.item, sight.location, event.counted, named)
        if isinstance(found, Refusal):
            return found
        units = found
    counted = {each.lot: each for each in units}
    moved = []
    for lot in dict.fromkeys([*lots_then, *counted]):
        each = counted.get(lot)
        by = (0 if each is None else each.quantity) - lots_then.get(lot, 0)
        if by:
            expires_on = each.expires_on if each is not None and by > 0 else None
            moved.append(TracedUnits(lot=lot, on_hand=by, expires_on=expires_on))
    return tuple(moved)


def with_expiry(units: Traced, expires_on: Mapping[str, date | None]) -> Traced:
    """The same, each lot that comes in with the day it expires on."""
    return tuple(
        replace(each, expires_on=expires_on[each.lot]) if each.lot in expires_on else each
        for each in units
    )
