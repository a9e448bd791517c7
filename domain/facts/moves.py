"""Stream `stock-<sku>@<location>`: units that change their place, or become another item.

Each kind comes in pairs of one command or one document: what leaves one stock comes to another, or
is in transit meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StockMovedOut:
    """To another location at once (a put-away): `StockMovedIn` there is of the same command."""

    sku: str
    location: str
    quantity: int
    move_id: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockMovedIn:
    """From another location at once: `StockMovedOut` there is of the same command."""

    sku: str
    location: str
    quantity: int
    move_id: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockDispatched:
    """Units left for another location on a transfer: in transit there from now on."""

    sku: str
    location: str
    quantity: int
    transfer_id: str
    line: int
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockArrived:
    """Units of a transfer came in, as many as really came."""

    sku: str
    location: str
    quantity: int
    transfer_id: str
    line: int
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockConsumed:
    """Units went into an assembly, or a kit was taken apart."""

    sku: str
    location: str
    quantity: int
    assembly_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockProduced:
    """Units came out of an assembly, or out of a kit taken apart."""

    sku: str
    location: str
    quantity: int
    assembly_id: str
