"""Lots (or serials) of a document's line: as commands name them, as facts tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain.events import LineLot
from domain.item import Item
from domain.named_units import UNNAMED, LotQuantity, NamedUnits

LineLots = tuple[LineLot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLine:
    """Units of a line; `units` are their lots (or serials) where the item is tracked."""

    line: int
    quantity: int
    units: NamedUnits = UNNAMED


def told(units: NamedUnits) -> LineLots:
    """As a fact tells them: a serial is a lot of one."""
    lots = (
        LineLot(lot=each.lot, quantity=each.quantity, expires_on=each.expires_on)
        for each in units.lots
    )
    return (*lots, *(LineLot(lot=serial, quantity=1) for serial in units.serials))


def named(lots: Iterable[LineLot], item: Item | None) -> NamedUnits:
    """As the item is tracked."""
    if item is not None and item.tracking == "serial":
        return NamedUnits(serials=tuple(each.lot for each in lots))
    return NamedUnits(lots=tuple(LotQuantity(lot=x.lot, quantity=x.quantity) for x in lots))


def added(before: NamedUnits, after: NamedUnits) -> LineLots:
    """What the one has beyond the other."""
    known = {each.lot: each.quantity for each in told(before)}
    more = (
        LineLot(lot=each.lot, quantity=each.quantity - known.get(each.lot, 0))
        for each in told(after)
    )
    return tuple(each for each in more if each.quantity)


def first_units(lots: Iterable[LineLot], quantity: int) -> LineLots:
    """So many units out of these lots, or all there are."""
    taken = []
    for each in lots:
        units = min(each.quantity, quantity)
        if units:
            taken.append(LineLot(lot=each.lot, quantity=units))
        quantity -= units
    return tuple(taken)


def in_both(some: Iterable[LineLot], others: Iterable[LineLot]) -> int:
    """Units that are in the one and in the other, lot by lot."""
    there = {each.lot: each.quantity for each in others}
    return sum(min(each.quantity, there.get(each.lot, 0)) for each in some)
