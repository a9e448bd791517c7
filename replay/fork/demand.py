"""Units asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain.events import StockCommitted, StockReserved, StockShipped
from domain.values import Fact

Demand = Mapping[str, int]  # SKU -> units


def demand_of(facts: Iterable[Fact]) -> Demand:
    """Units by SKU that accepted demand was for: promised, or shipped without a promise."""
    units: dict[str, int] = {}
    for fact in facts:
        match fact.event:
            case (
                StockReserved(sku=sku, quantity=quantity)
                | StockCommitted(sku=sku, quantity=quantity)
            ):
                units[sku] = units.get(sku, 0) + quantity
            case StockShipped(sku=sku, quantity=quantity, order_id=None, reservation_id=None):
                units[sku] = units.get(sku, 0) + quantity
            case _:
                pass
    return units
