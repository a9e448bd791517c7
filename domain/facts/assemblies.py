"""Stream `assembly-<id>`: kits put together out of their parts, or taken apart into them."""

from __future__ import annotations

from dataclasses import dataclass

from domain.facts.items import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class KitAssembled:
    """`parts` went in, all told: StockConsumed at each part's stock, of the same command, and
    StockProduced at the kit's.
    """

    assembly_id: str
    sku: str
    location: str
    quantity: int
    parts: tuple[Component, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KitDisassembled:
    """`parts` came out, all told: StockProduced at each part's stock, of the same command, and
    StockConsumed at the kit's.
    """

    assembly_id: str
    sku: str
    location: str
    quantity: int
    parts: tuple[Component, ...]
