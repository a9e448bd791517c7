"""Stream `item-<sku>`: what a SKU is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tracking = Literal["none", "lot", "serial"]
Removal = Literal["fefo", "fifo", "lifo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRegistered:
    """A SKU is known from here on. Levels are in units of the item; the safety stock is kept back
    from readers, the backorder limit may be promised beyond on hand, at each location.
    """

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDescribed:
    """The item's whole description after the change: a fold needs nothing older."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDiscontinued:
    """No receipts and no backorders from here on; what is left may go."""

    sku: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDefined:
    """One `unit` of the item is numerator / denominator of its own unit: a case is 12 / 1."""

    sku: str
    unit: str
    numerator: int
    denominator: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Units of a part in one unit of its kit."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KitComposed:
    """The item's whole bill of materials: what one unit is made of. Empty: no kit any more."""

    sku: str
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlingSet:
    """In which order lots of the item leave, and how many days a lot keeps from its receipt."""

    sku: str
    removal: Removal = "fefo"
    shelf_life_days: int | None = None
