"""Units of measure: from what something is counted in to the item's own unit, exactly or not at
all. Everything the ledger holds is in the item's own unit.
"""

from __future__ import annotations

from math import gcd

from domain.events import UnitDefined
from domain.item import Item, Ratio
from domain.refusals import Refusal, UnknownItem
from domain.refusals_units import NotWholeUnits, TooManyUnits, UnitIsOwn, UnknownUnit
from domain.streams import item_stream
from domain.values import QUANTITY_MAX, Fact, Facts, Occasion

OWN = Ratio(numerator=1, denominator=1)


def define(item: Item | None, proposed: UnitDefined, occasion: Occasion) -> Facts | Refusal:
    """What one `unit` is from now on, in lowest terms; what was converted before stays."""
    if item is None:
        return UnknownItem(sku=proposed.sku)
    if proposed.unit == item.unit:
        return UnitIsOwn(sku=item.sku, unit=item.unit)
    shared = gcd(proposed.numerator, proposed.denominator)
    event = UnitDefined(
        sku=item.sku,
        unit=proposed.unit,
        numerator=proposed.numerator // shared,
        denominator=proposed.denominator // shared,
    )
    fact = Fact(
        stream=item_stream(item.sku),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
    return (fact,)


def in_own(item: Item | None, sku: str, quantity: int, unit: str | None) -> int | Refusal:
    """`quantity` (may be negative) of `unit` in the item's own unit; None is its own unit."""
    if unit is None:
        return quantity
    if item is None:
        return UnknownItem(sku=sku)
    ratio = _ratio(item, unit)
    if ratio is None:
        return UnknownUnit(sku=sku, unit=unit, known=tuple(item.units))
    units, rest = divmod(quantity * ratio.numerator, ratio.denominator)
    if rest:
        multiple = ratio.denominator // gcd(ratio.numerator, ratio.denominator)
        return NotWholeUnits(
            sku=sku, unit=unit, quantity=quantity, own_unit=item.unit, multiple=multiple
        )
    if abs(units) > QUANTITY_MAX:
        return TooManyUnits(sku=sku, units=units, units_max=QUANTITY_MAX)
    return units


def in_unit(item: Item, quantity: int, unit: str) -> int | None:
    """So many of the item's own unit in another one; None when it does not come out whole, or the
    unit is not known.
    """
    ratio = _ratio(item, unit)
    if ratio is None:
        return None
    units, rest = divmod(quantity * ratio.denominator, ratio.numerator)
    return None if rest else units


def _ratio(item: Item, unit: str) -> Ratio | None:
    return OWN if unit == item.unit else item.units.get(unit)
