"""Kits: items that are made of other ones. What a kit is made of is one level deep: a part that is
a kit itself is taken as it lies on the shelf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from domain.events import Component, KitComposed
from domain.item import Item
from domain.refusals import Refusal, UnknownItem
from domain.refusals_kits import KitInItself, KitTooDeep, NotAKit, PartRepeated
from domain.refusals_units import TooManyUnits
from domain.streams import item_stream
from domain.values import QUANTITY_MAX, Fact, Facts, Occasion

KIT_COMPONENTS_MAX = 200
KIT_LEVELS_MAX = 6  # Kits in kits; each level is read by itself when a kit is composed.
FindItem = Callable[[str], Item | None]


def compose(
    item: Item | None, proposed: KitComposed, find: FindItem, occasion: Occasion
) -> Facts | Refusal:
    """The item's whole bill of materials from now on; without components it is no kit any more.

    `find` is asked for the components, and theirs, level by level.
    """
    if item is None:
        return UnknownItem(sku=proposed.sku)
    if refusal := _repeated(proposed) or _unsound(proposed, find):
        return refusal
    fact = Fact(
        stream=item_stream(proposed.sku),
        event=proposed,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
    return (fact,)


def explode(item: Item, quantity: int) -> tuple[Component, ...] | NotAKit | TooManyUnits:
    """The parts that so many of the kit are made of, each once, in the order of its bill."""
    if not item.components:
        return NotAKit(sku=item.sku)
    parts = tuple(
        Component(sku=each.sku, quantity=each.quantity * quantity) for each in item.components
    )
    for part in parts:
        if part.quantity > QUANTITY_MAX:
            return TooManyUnits(sku=part.sku, units=part.quantity, units_max=QUANTITY_MAX)
    return parts


def parts_wanted(bills: Iterable[tuple[Component, ...]]) -> Mapping[str, int]:
    """Units of each part that several kits need together, by SKU: what has to be there."""
    wanted: dict[str, int] = {}
    for parts in bills:
        for part in parts:
            wanted[part.sku] = wanted.get(part.sku, 0) + part.quantity
    return wanted


def level_below(items: Iterable[Item | None]) -> tuple[str, ...]:
    """The SKUs that these items are made of, each once."""
    parts = (part.sku for item in items if item is not None for part in item.components)
    return tuple(dict.fromkeys(parts))


def _repeated(proposed: KitComposed) -> Refusal | None:
    seen: set[str] = set()
    for part in proposed.components:
        if part.sku in seen:
            return PartRepeated(sku=proposed.sku, part=part.sku)
        seen.add(part.sku)
    return None


def _unsound(proposed: KitComposed, find: FindItem) -> Refusal | None:
    """A part nobody knows, a kit that would be a part of itself, or too many kits in kits."""
    level = tuple(part.sku for part in proposed.components)
    for depth in range(KIT_LEVELS_MAX + 1):
        if proposed.sku in level:
            return KitInItself(sku=proposed.sku)
        if not level:
            return None
        if depth == KIT_LEVELS_MAX:
            break
        items = {sku: find(sku) for sku in level}
        missing = [UnknownItem(sku=sku) for sku, item in items.items() if item is None]
        if missing:
            return UnknownItem(sku=missing[0].sku, also=tuple(missing[1:]))
        level = level_below(items.values())
    return KitTooDeep(sku=proposed.sku, levels_max=KIT_LEVELS_MAX)
