"""An item: what a SKU is, and whether it may still come in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypedDict, assert_never

from domain.events import (
    Component,
    HandlingSet,
    ItemDescribed,
    ItemDiscontinued,
    ItemEvent,
    ItemRegistered,
    KitComposed,
    Removal,
    Tracking,
    UnitDefined,
)
from domain.refusals import (
    ItemDiscontinuedAlready,
    ItemExists,
    Refusal,
    TrackingFixed,
    UnknownItem,
)
from domain.refusals_units import UnitIsOwn
from domain.streams import item_stream
from domain.values import Fact, Facts, Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """An exact share: of what is measured in one unit, how much it is in the item's own."""

    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`units`: how much of its own unit each further one is. `components`: what one is made of."""

    sku: str
    name: str
    description: str = ""
    category: str = ""
    media_urls: tuple[str, ...] = ()
    gtin: str | None = None
    unit: str = "each"
    tracking: Tracking = "none"
    reorder_point: int = 0
    safety_stock: int = 0
    backorder_limit: int = 0
    attributes: dict[str, str]
    discontinued_at: datetime | None = None
    units: dict[str, Ratio] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    removal: Removal = "fefo"
    shelf_life_days: int | None = None

    @property
    def status(self) -> Literal["active", "discontinued"]:
        return "active" if self.discontinued_at is None else "discontinued"

    @property
    def promise_limit(self) -> int:
        """Units per location that may be promised beyond on hand: none once discontinued."""
        return self.backorder_limit if self.discontinued_at is None else 0


class ItemChanges(TypedDict, total=False):
    """What `describe` changes; what is left out stays."""

    name: str
    description: str
    category: str
    media_urls: tuple[str, ...]
    gtin: str | None
    unit: str
    tracking: Tracking
    reorder_point: int
    safety_stock: int
    backorder_limit: int
    attributes: dict[str, str]


def evolve(item: Item | None, event: ItemEvent, occurred_at: datetime) -> Item | None:
    """The state after one more fact of its stream; an end before any beginning says nothing."""
    if isinstance(event, ItemRegistered | ItemDescribed):
        return _described(item, event)
    if item is None:
        return None
    match event:
        case ItemDiscontinued():
            return replace(item, discontinued_at=occurred_at)
        case UnitDefined(unit=unit, numerator=numerator, denominator=denominator):
            ratio = Ratio(numerator=numerator, denominator=denominator)
            return replace(item, units={**item.units, unit: ratio})
        case KitComposed(components=components):
            return replace(item, components=components)
        case HandlingSet(removal=removal, shelf_life_days=days):
            return replace(item, removal=removal, shelf_life_days=days)
        case _:
            assert_never(event)


def _described(item: Item | None, event: ItemRegistered | ItemDescribed) -> Item:
    described = Item(
        sku=event.sku,
        name=event.name,
        description=event.description,
        category=event.category,
        media_urls=event.media_urls,
        gtin=event.gtin,
        unit=event.unit,
        tracking=event.tracking,
        reorder_point=event.reorder_point,
        safety_stock=event.safety_stock,
        backorder_limit=event.backorder_limit,
        attributes=event.attributes,
    )
    if item is None:
        return described
    return replace(
        described,
        discontinued_at=item.discontinued_at,
        units=item.units,
        components=item.components,
        removal=item.removal,
        shelf_life_days=item.shelf_life_days,
    )


def register(item: Item | None, proposed: ItemRegistered, occasion: Occasion) -> Facts | Refusal:
    """The proposed event becomes a fact unless the SKU is taken."""
    if item is not None:
        return ItemExists(sku=proposed.sku)
    return (_fact(proposed, occasion),)


def describe(
    item: Item | None, sku: str, changes: ItemChanges, occasion: Occasion
) -> Facts | Refusal:
    """What `changes` leaves out stays as it is. A discontinued item may still be described."""
    if item is None:
        return UnknownItem(sku=sku)
    if changes.get("tracking", item.tracking) != item.tracking:
        return TrackingFixed(sku=sku, tracking=item.tracking)
    own = changes.get("unit", item.unit)
    if own in item.units:
        return UnitIsOwn(sku=sku, unit=own)
    described = ItemDescribed(
        sku=sku,
        name=item.name,
        description=item.description,
        category=item.category,
        media_urls=item.media_urls,
        gtin=item.gtin,
        unit=item.unit,
        tracking=item.tracking,
        reorder_point=item.reorder_point,
        safety_stock=item.safety_stock,
        backorder_limit=item.backorder_limit,
        attributes=item.attributes,
    )
    return (_fact(replace(described, **changes), occasion),)


def set_handling(item: Item | None, proposed: HandlingSet, occasion: Occasion) -> Facts | Refusal:
    """The proposed event becomes a fact of any item: one that is not tracked has no lots yet."""
    if item is None:
        return UnknownItem(sku=proposed.sku)
    return (_fact(proposed, occasion),)


def discontinue(item: Item | None, sku: str, reason: str, occasion: Occasion) -> Facts | Refusal:
    """No receipts dated from then on and no backorder; what is left may be sold."""
    if item is None:
        return UnknownItem(sku=sku)
    if item.discontinued_at is not None:
        return ItemDiscontinuedAlready(sku=sku, discontinued_at=item.discontinued_at)
    return (_fact(ItemDiscontinued(sku=sku, reason=reason), occasion),)


def _fact(event: ItemEvent, occasion: Occasion) -> Fact:
    return Fact(
        stream=item_stream(event.sku),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
