"""Stream `crossing-<id>`: units that go from one ledger of a tenant to another. Each of the two
ledgers has a stream of its own: what it knows of the crossing, and nothing else of the other's.

Until the other ledger has answered, the units are in transit in the ledger that they left. What a
crossing does to stocks are facts of those stocks, of the same command.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.facts.lines import LineLot


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingLine:
    """`lots` add up to the quantity if the item is tracked; otherwise there are none."""

    line: int
    sku: str
    quantity: int
    lots: tuple[LineLot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingDispatched:
    """Units left `origin` for `destination`, a location of the other ledger."""

    crossing_id: str
    to_ledger: str
    origin: str
    destination: str
    lines: tuple[CrossingLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingHandedOver:
    """The other ledger has them: they are in transit here no more."""

    crossing_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingReturned:
    """The other ledger refused them, for `code`: all of them are at the origin again."""

    crossing_id: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingArrived:
    """Units of another ledger came in; in its stream they were dispatched under this id, without
    the ledger's name in front.
    """

    crossing_id: str
    from_ledger: str
    destination: str
    lines: tuple[CrossingLine, ...]
