"""Lots or serials as a command names them, and whether the naming fits the item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from domain.item import Item
from domain.refusals_lots import (
    LotNamedTwice,
    LotsDoNotAddUp,
    LotsMissing,
    LotsNotTaken,
    NamingRefusal,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotQuantity:
    """`expires_on` may be told of a lot whose units come in for the first time."""

    lot: str
    quantity: int
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedUnits:
    """Units by their lots, or by their serials: whichever the item is tracked by. `expires_on`: of
    serials that come in, the last good day of those that have one already.
    """

    lots: tuple[LotQuantity, ...] = ()
    serials: tuple[str, ...] = ()
    expires_on: Mapping[str, date] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.lots or self.serials)


UNNAMED = NamedUnits()
NamedByLine = Mapping[int, NamedUnits]
NOTHING_NAMED: NamedByLine = {}
Selected = tuple[LotQuantity, ...]


def selected(
    item: Item, location: str, quantity: int, named: NamedUnits
) -> Selected | NamingRefusal:
    """The units that a command about `quantity` of the item names, a serial as a lot of one."""
    if item.tracking == "none" or (named.lots if item.tracking == "serial" else named.serials):
        return LotsNotTaken(sku=item.sku, tracking=item.tracking)
    units = named.lots or tuple(
        LotQuantity(lot=each, quantity=1, expires_on=named.expires_on.get(each))
        for each in named.serials
    )
    if quantity and not units:
        return LotsMissing(
            sku=item.sku, location=location, tracking=item.tracking, quantity=quantity
        )
    lot, times = next(iter(Counter(each.lot for each in units).most_common(1)), ("", 0))
    if times > 1:
        return LotNamedTwice(sku=item.sku, location=location, lot=lot)
    total = sum(each.quantity for each in units)
    if total != quantity:
        return LotsDoNotAddUp(sku=item.sku, location=location, quantity=quantity, named=total)
    return units
