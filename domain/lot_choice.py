"""Which lots (or serials) a fact takes or brings: as named, as picked, as held, or by the item's
removal order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from domain.events import (
    HoldReleased,
    PickedShipped,
    StockAdjusted,
    StockConsumed,
    StockDispatched,
    StockEvent,
    StockHeld,
    StockMovedOut,
    StockPicked,
    StockShipped,
    StockUnpicked,
    StockWrittenOff,
)
from domain.item import Item
from domain.moving_stock import MovingStock
from domain.named_units import LotQuantity, NamedUnits, Selected, selected
from domain.quantities import Deltas
from domain.refusals import Refusal
from domain.refusals_lots import LotShort, LotsShort, LotTrouble, UnitsRefusal
from domain.removal import choose
from domain.stock import LotUnits, promise_key

NOT_THERE = LotUnits(lot="", arrived_at=datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What tells a fact's lots: the item, the stock so far, and the day by the clock."""

    item: Item
    location: str
    stock: MovingStock
    today: date

    def lot(self, name: str) -> LotUnits:
        return self.stock.lots.get(name, NOT_THERE)


def units_of(
    event: StockEvent, quantity: int, moved: Deltas, named: NamedUnits, sight: Sight
) -> Selected | UnitsRefusal:
    """The lots of a fact's `quantity`, a serial as a lot of one; `moved` is what the fact does."""
    match event:
        case StockShipped() | StockMovedOut() | StockDispatched() | StockConsumed() | StockPicked():
            return _sent(quantity, named, sight)
        case PickedShipped() | StockUnpicked():
            return _picked(event, named, sight)
        case StockHeld(lot=str(lot)):
            return (LotQuantity(lot=lot, quantity=quantity),)
        case StockHeld(kind="missing") if not named:
            # Nobody knows which: those that would have been taken next, good or not.
            return _chosen(quantity, sight, good_on=date.min)
        case HoldReleased(hold_id=hold_id) | StockWrittenOff(hold_id=str(hold_id)):
            return _of_hold(hold_id, quantity, named, sight)
        case _:
            pass
    units = selected(sight.item, sight.location, quantity, named)
    if isinstance(event, StockAdjusted) and moved.held < 0 and not isinstance(units, Refusal):
        return _loose(units, sight)
    return units


def _sent(quantity: int, named: NamedUnits, sight: Sight) -> Selected | UnitsRefusal:
    """Named, or chosen by the item's removal order: of what is neither expired nor held."""
    if named:
        units = selected(sight.item, sight.location, quantity, named)
        return units if isinstance(units, Refusal) else _sound(units, sight)
    return _chosen(quantity, sight, good_on=sight.today)


def _chosen(quantity: int, sight: Sight, *, good_on: date) -> Selected | LotsShort:
    lots = sight.stock.lots.values()
    chosen = choose(lots, quantity, sight.item.removal, good_on)
    available = sum(units for _, units in chosen)
    if available < quantity:
        return LotsShort(
            sku=sight.item.sku,
            location=sight.location,
            requested=quantity,
            available=available,
            expired=sum(lot.free for lot in lots if lot.expired(sight.today)),
        )
    return tuple(LotQuantity(lot=lot, quantity=units) for lot, units in chosen)


def _of_hold(
    hold_id: str, quantity: int, named: NamedUnits, sight: Sight
) -> Selected | UnitsRefusal:
    """Of the lots that the hold keeps: those named, or what comes first."""
    kept = {
        lot.lot: lot.held_by[hold_id] for lot in sight.stock.lots.values() if hold_id in lot.held_by
    }
    if not named:
        return _up_to(quantity, list(kept.items()))
    units = selected(sight.item, sight.location, quantity, named)
    if isinstance(units, Refusal):
        return units
    for each in units:
        if each.quantity > kept.get(each.lot, 0):
            return _short(each, kept.get(each.lot, 0), "absent", sight)
    return units


def _sound(units: Selected, sight: Sight) -> Selected | LotShort:
    for each in units:
        lot = sight.lot(each.lot)
        if lot.expired(sight.today):
            return _short(each, 0, "expired", sight)
        if each.quantity > lot.free:
            return _short(each, lot.free, "taken" if lot.on_hand > lot.free else "absent", sight)
    return units


def _picked(
    event: PickedShipped | StockUnpicked, named: NamedUnits, sight: Sight
) -> Selected | UnitsRefusal:
    """Those picked for the line; what is held by now, or has expired, goes back but never out."""
    key = promise_key("order", event.order_id, event.line)
    leaving = isinstance(event, PickedShipped)
    picked = {
        lot.lot: lot.picked_for[key] for lot in sight.stock.lots.values() if key in lot.picked_for
    }
    if named:
        units = selected(sight.item, sight.location, event.quantity, named)
        if isinstance(units, Refusal):
            return units
    else:
        # Back first what may not leave: what stays picked is then good.
        order = sorted(picked, key=lambda name: (_may_leave(name, sight) != leaving, name))
        units = _up_to(event.quantity, [(name, picked[name]) for name in order])
    for each in units:
        here = picked.get(each.lot, 0)
        if each.quantity > here:
            return _short(each, here, "absent", sight)
        if leaving and sight.lot(each.lot).expired(sight.today):
            return _short(each, 0, "expired", sight)
        if leaving and each.quantity > sight.lot(each.lot).sendable:
            return _short(each, sight.lot(each.lot).sendable, "held", sight)
    if sum(each.quantity for each in units) < event.quantity:
        return LotsShort(
            sku=sight.item.sku,
            location=sight.location,
            requested=event.quantity,
            available=sum(picked.values()),
            expired=0,
        )
    return units


def _may_leave(name: str, sight: Sight) -> bool:
    lot = sight.lot(name)
    return lot.sendable >= lot.picked and not lot.expired(sight.today)


def _up_to(quantity: int, there: list[tuple[str, int]]) -> Selected:
    units = []
    for name, count in there:
        if not quantity:
            break
        units.append(LotQuantity(lot=name, quantity=min(quantity, count)))
        quantity -= units[-1].quantity
    return tuple(units)


def _loose(units: Selected, sight: Sight) -> Selected | LotShort:
    """Damaged units that leave: those held under no hold of their own."""
    for each in units:
        lot = sight.lot(each.lot)
        loose = max(0, lot.held - sum(lot.held_by.values()))
        if each.quantity > loose:
            return _short(each, loose, "absent", sight)
    return units


def _short(each: LotQuantity, available: int, trouble: LotTrouble, sight: Sight) -> LotShort:
    return LotShort(
        sku=sight.item.sku,
        location=sight.location,
        lot=each.lot,
        requested=each.quantity,
        available=available,
        trouble=trouble,
    )
