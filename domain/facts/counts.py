"""Stream `count-<id>`: a count of many SKUs at one location, from its plan to what it asserts.

Nothing here moves stock: each line that is posted is a StockCounted of its own stock, in the same
command. What has many lines or SKUs is several facts of one command, of CHUNK at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.construction import made_often

CHUNK = 500  # Lines or SKUs in one fact: far below what a message of the log may hold.


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPlanned:
    """What is to be counted at `location`: the SKUs named, those of the categories named, or with
    neither everything. A further one of the same count adds to it.
    """

    count_id: str
    location: str
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedLot:
    lot: str
    quantity: int
    expires_on: date | None = None


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class CountLine:
    """`lots` or `serials` are of an item that is tracked: what is not named was not there."""

    line: int
    sku: str
    counted: int
    lots: tuple[CountedLot, ...] = ()
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountEntered:
    """At the fact's own instant so many were there, by those who counted without being told how
    many to expect.
    """

    count_id: str
    lines: tuple[CountLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecountAsked:
    """What was entered for these SKUs does not count until it is entered anew."""

    count_id: str
    skus: tuple[str, ...]
    reason: str = ""


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class PostedLine:
    """`expected` is the on hand the ledger knew for the instant of the count."""

    line: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPosted:
    """These lines are StockCounted of their stocks now, in the same command."""

    count_id: str
    lines: tuple[PostedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountSubmitted:
    """Every line is posted: the count is done."""

    count_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCancelled:
    """Given up before any line was posted."""

    count_id: str
    reason: str = ""
