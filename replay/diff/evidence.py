"""Which events a difference comes from: those that the two editions read differently, if together
they make up the difference exactly. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from eventlog.log import RecordedEvent
from projections.stock_facts import StockFact, StockRule, read_stock
from replay.diff.cells import ROW, EventName
from replay.diff.expectations import Expectation
from replay.diff.folds import Fold, Rules

EXAMPLES_MAX: Final = 3


def changed_types(older: Rules, newer: Rules) -> frozenset[str]:
    """The stored types that the two may read differently."""
    return frozenset(
        stored for stored in older.keys() | newer.keys() if older.get(stored) != newer.get(stored)
    )


@dataclass(slots=True)
class Evidence:
    """What events add to the difference of one cell."""

    total: int = 0
    events: int = 0
    uncovered: int = 0
    types: set[str] = field(default_factory=set)
    rules: set[int] = field(default_factory=set)
    examples: list[EventName] = field(default_factory=list)

    def add(self, event: RecordedEvent, difference: int, rules: Sequence[int]) -> None:
        """`rules`: numbers of the expectations that cover this event, for this cell."""
        self.total += difference
        self.events += 1
        self.uncovered += not rules
        self.types.add(event.type)
        self.rules.update(rules)
        if len(self.examples) < EXAMPLES_MAX:
            name = EventName(
                ledger=event.ledger,
                position=event.ledger_position,
                event_id=event.event_id,
                type=event.type,
                stream=event.stream,
            )
            self.examples.append(name)

    @property
    def type(self) -> str:
        return " + ".join(sorted(self.types))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weigher:
    """Weighs events for the cells of one place of one projection."""

    projection: str
    fold: Fold
    older: Rules
    newer: Rules
    expectations: Sequence[Expectation] = ()

    def add(
        self, evidence: dict[str, Evidence], differing: Iterable[str], event: RecordedEvent
    ) -> None:
        """Note what one event adds to each of the `differing` fields of its key.

        Raises `PoisonEventError`.
        """
        rules = (self.older.get(event.type), self.newer.get(event.type))
        if self.fold.moved is None or rules[0] == rules[1]:
            return
        read = [None if rule is None else (rule, read_stock(event, rule)) for rule in rules]
        fact = next(each[1] for each in read if each is not None)
        older, newer = (_moved(self.fold, each) for each in read)
        is_new = None in read
        stated = [None if each is None else self.fold.stated(*each) for each in read]
        for name in differing:
            if name in older or name in newer:
                difference = newer.get(name, 0) - older.get(name, 0)
                counts = difference != 0
            else:
                difference = 0
                counts = is_new if name == ROW else stated[0] != stated[1]
            if counts:
                covering = self._covering(name, event, fact)
                evidence.setdefault(name, Evidence()).add(event, difference, covering)

    def _covering(self, field_name: str, event: RecordedEvent, fact: StockFact) -> list[int]:
        cell = {
            "projection": self.projection,
            "tenant": event.tenant,
            "ledger": event.ledger,
            "field": field_name,
            "type": event.type,
        }
        return [
            number
            for number, expectation in enumerate(self.expectations)
            if expectation.covers(cell, fact)
        ]


def _moved(fold: Fold, read: tuple[StockRule, StockFact] | None) -> Mapping[str, int]:
    return {} if read is None or fold.moved is None else fold.moved(*read)


def explains(evidence: Evidence | None, older: object, newer: object) -> bool:
    """Whether the events make up the difference of two sums exactly."""
    return (
        evidence is not None
        and isinstance(older, int)
        and isinstance(newer, int)
        and newer - older == evidence.total
    )
