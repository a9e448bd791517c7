"""Refusals of single lines of a purchase or transfer, told all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from domain.refusals import (
    ItemDiscontinuedAlready,
    UnknownItem,
    UnknownLocation,
)
from domain.refusals_purchases import LessThanSettled, PurchaseLineRepeated, UnknownPurchaseLine
from domain.refusals_transfers import (
    ExceedsTransfer,
    LotNotSent,
    TooFewToMove,
    TransferLineRepeated,
    UnknownTransferLine,
)

LineRefusal = (
    ExceedsTransfer
    | ItemDiscontinuedAlready
    | LessThanSettled
    | LotNotSent
    | PurchaseLineRepeated
    | TooFewToMove
    | TransferLineRepeated
    | UnknownItem
    | UnknownLocation
    | UnknownPurchaseLine
    | UnknownTransferLine
)


def first_of(problems: Iterable[LineRefusal]) -> LineRefusal | None:
    """The first problem, with the others in its `also`."""
    found = list(problems)
    return replace(found[0], also=tuple(found[1:])) if found else None


def repeated(lines: Iterable[int]) -> Iterator[int]:
    """The line numbers that were met before."""
    seen: set[int] = set()
    for line in lines:
        if line in seen:
            yield line
        seen.add(line)
