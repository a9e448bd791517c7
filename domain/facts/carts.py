"""Stream `reservation-<id>`: a cart, which is one reservation of many lines.

What it holds stands in its stocks' streams as well, as reservations under the cart's id: one at
each stock, of the sum of the lines there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    line: int
    sku: str
    location: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CartReserved:
    """Before its stocks' `StockReserved`, in one command."""

    reservation_id: str
    lines: tuple[CartLine, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CartExtended:
    """It holds until another instant, and so does what is left of it at each stock."""

    reservation_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CartReleased:
    """Given up before its time; what was left of it is released at each stock."""

    reservation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CartExpired:
    """Its time was over; what was left of it expires at each stock."""

    reservation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CartConverted:
    """It became an order: what was left of it is released at each stock for the order to take."""

    reservation_id: str
    order_id: str
