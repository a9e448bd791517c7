"""Editions: the code of the folds, by name, kept side by side.

A version of a read model names the edition that folds it. When the meaning of an event is
corrected, the corrected code becomes a new edition, and the old one stays here until no store has a
version of it any more: so both can be fed beside each other, and the old one can be gone back to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from projections.stock_facts import RETURNED, RULES, Move, StockFact, StockRule


class UnknownEditionError(Exception):
    """A version was built by code that is not here: its own release has to feed it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no edition {name!r} in this release; run the workers of the release that has it"
        )
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """`rules`: stored type -> what a stock event of that type means. Not `planted`: true to the
    facts, as far as is known.
    """

    name: str
    rules: Mapping[str, StockRule]
    planted: bool = False


def edition(name: str) -> Edition:
    """Raises `UnknownEditionError`."""
    found = EDITIONS.get(name)
    if found is None:
        raise UnknownEditionError(name)
    return found


def _returned_twice(fact: StockFact) -> Move:
    if fact.to == "damaged":
        return 2 * fact.quantity, 0, 0, 0, 2 * fact.quantity
    return fact.quantity, 0, 0, 0, 0


CURRENT = "1"
# What `backstock replay drill` plants: returns are counted twice in one branch.
RETURNS_TWICE = "returns_twice"


_FIRST = Edition(name=CURRENT, rules=RULES)
_PLANTED = Edition(
    name=RETURNS_TWICE,
    rules={
        stored: rule._replace(move=_returned_twice) if rule.type == RETURNED else rule
        for stored, rule in RULES.items()
    },
    planted=True,
)
EDITIONS: Mapping[str, Edition] = {each.name: each for each in (_FIRST, _PLANTED)}
TODAY = EDITIONS[CURRENT]
