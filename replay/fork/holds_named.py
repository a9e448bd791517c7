"""What a short pick did not find is held under a name nobody chose: in a fork it is the same one,
so that whoever lets the units go, or writes them off, finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from domain.events import StockHeld, StockTraced
from domain.values import Fact, Facts


def named_as_then(decided: Facts, happened: Iterable[Fact]) -> Facts:
    """What was decided, with the names of the holds that the same command made then."""
    names = {_what(held): held.hold_id for held in _missing(happened)}
    renamed = {
        held.hold_id: names[_what(held)] for held in _missing(decided) if _what(held) in names
    }
    return tuple(_renamed(fact, renamed) for fact in decided) if renamed else decided


def _missing(facts: Iterable[Fact]) -> Iterator[StockHeld]:
    for fact in facts:
        if isinstance(fact.event, StockHeld) and fact.event.kind == "missing":
            yield fact.event


def _what(held: StockHeld) -> tuple[str, str, str]:
    """`reason` tells the order, its pick list and its line."""
    return held.sku, held.location, held.reason


def _renamed(fact: Fact, names: Mapping[str, str]) -> Fact:
    match fact.event:
        case StockHeld(hold_id=name) if name in names:
            return replace(fact, event=replace(fact.event, hold_id=names[name]), after=None)
        case StockTraced(reference=name) if name in names:
            return replace(fact, event=replace(fact.event, reference=names[name]), after=None)
        case _:
            # The state that came with a fact behind it knows the other name.
            return fact if fact.after is None else replace(fact, after=None)
