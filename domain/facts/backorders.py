"""Stream `stock-<sku>@<location>`: orders that wait here for units, first come, first served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BackorderOutcome = Literal["allocated", "cancelled", "resourced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockBackordered:
    """Units of an order line wait here; they promise nothing. Further units of a line that waits
    already keep its place. `whole`: the order takes all or nothing, so it holds back nobody.
    `of_kits`: the line is a kit's part, taken as whole kits become whole; it holds back nobody.
    """

    sku: str
    location: str
    order_id: str
    line: int
    quantity: int
    whole: bool = False
    of_kits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BackorderClosed:
    """So many units wait no more: allocated here, cancelled, or sourced elsewhere."""

    sku: str
    location: str
    order_id: str
    line: int
    quantity: int
    outcome: BackorderOutcome
