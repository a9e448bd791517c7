"""Units of a document's line, for facts that speak of part of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLot:
    """Units of one lot; a serial is a lot of one. `expires_on` is told when it came with them."""

    lot: str
    quantity: int
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUnits:
    """`lots` add up to the quantity if the item is tracked; otherwise there are none."""

    line: int
    quantity: int
    lots: tuple[LineLot, ...] = ()
