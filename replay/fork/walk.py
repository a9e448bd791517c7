"""The walk through a ledger's past: up to the fork, and from there command by command, with what
was refused put back between them.

A refused command has no position, only the instant of its append. It is put at the first place in
that append at which what happened gives exactly its refusal; so decided again under the rules of
then, it is refused again, and a fork that changes nothing differs in nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from domain.streams import kind_of
from replay.fork.fork import Fork, Step
from replay.fork.recovery import Past
from replay.fork.refused import MAKES_UP, Refused

Point = int | datetime  # A ledger position, or an instant of the business's time.


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is after `start`, up to `end` and with it; None is the whole past."""

    start: Point | None = None
    end: Point | None = None

    def has_begun(self, past: Past, clock: datetime) -> bool:
        return _is_after(self.start, past, clock) if self.start is not None else True

    def is_over(self, past: Past, clock: datetime) -> bool:
        return self.end is not None and _is_after(self.end, past, clock)


@dataclass(slots=True)
class RefusedTally:
    """`placed` were decided again; `departures` were no new demand: what was promised, or placed to
    leave at once, was not there to leave. Of `unplaced` ones the place is not known any more, of
    those `by_code` nothing is known but how many there were.
    """

    placed: int = 0
    departures: int = 0
    unplaced: int = 0
    by_code: Counter[str] = field(default_factory=Counter)


class Walk:
    """`clock` is the business's time: the latest `occurred_at` so far, which never runs back.

    What is told of read models is no past of the business: it is passed over, for it would set the
    clock to the day of a replay.
    """

    def __init__(
        self, fork: Fork, pasts: Iterable[Past], refused: Iterable[Refused], window: Window
    ) -> None:
        self.clock: datetime | None = None
        self.position = 0
        self.refused = RefusedTally()
        self._fork = fork
        self._pasts = (past for past in pasts if _is_of_business(past))
        customers = (each for each in refused if not each.key.startswith(MAKES_UP))
        self._refused = _Queue(customers)
        self._window = window
        self._first: Past | None = None

    def reach_start(self) -> Iterator[int]:
        """Fold what is before the fork, both sides alike; tells each position on the way."""
        folded_at: datetime | None = None
        for past in self._pasts:
            clock = _later(self.clock, past)
            if self._window.has_begun(past, clock):
                self._first = past
                self.clock = self.clock or clock
                break
            self._fork.fold(past)
            self.clock, self.position = clock, past.last_position
            folded_at = past.recorded_at
            yield self.position
        self._refused.skip(folded_at, None if self._first is None else self._first.recorded_at)

    def steps(self) -> Iterator[Step]:
        """Every command of the window, decided again; both sides stand behind it when it is told.

        Call it after `reach_start`.
        """
        last: Past | None = None
        while (past := self._first) is not None:
            clock = _later(self.clock, past)
            if self._window.is_over(past, clock):
                break
            yield from self._asks(past.recorded_at, ends_before=past.recorded_at)
            self.clock = clock
            yield from self._expiries(past)
            yield self._fork.step(past)
            self.position = past.last_position
            last, self._first = past, next(self._pasts, None)
        until = None if self._first is None else self._first.recorded_at
        if last is not None or until is None:
            yield from self._asks(until, ends_before=None)

    def _asks(self, until: datetime | None, *, ends_before: datetime | None) -> Iterator[Step]:
        """Refused ones of appends up to `until`. Those of an append before `ends_before` find
        their place now, or never.
        """
        still: list[Refused] = []
        for refused in self._refused.up_to(until):
            kind = self._fork.place_of(refused) if refused.shorts else None
            if kind == "departure":
                self.refused.departures += 1
            elif kind is not None and self.clock is not None:
                self.refused.placed += 1
                position, clock = self.position, self.clock
                yield self._fork.ask(refused, kind, position=position, occurred_at=clock)
            elif not refused.shorts:
                self.refused.by_code[refused.code] += 1
            elif ends_before is None or refused.recorded_at < ends_before:
                self.refused.unplaced += 1
            else:
                still.append(refused)
        self._refused.waiting = still

    def _expiries(self, past: Past) -> Iterator[Step]:
        assert self.clock is not None
        ended = self._fork.expire_due(self.clock)
        if ended:
            yield Step(
                key=None,
                position=self.position,
                recorded_at=past.recorded_at,
                message=None,
                happened=(),
                decided=ended,
                demand={},
                differing=frozenset(fact.stream for fact in ended),
            )


class _Queue:
    """Refused commands in the order of their appends; `waiting` are those that are being placed."""

    def __init__(self, refused: Iterator[Refused]) -> None:
        self.waiting: list[Refused] = []
        self._refused = refused
        self._next = next(refused, None)

    def skip(self, folded: datetime | None, first: datetime | None) -> None:
        """Leave out the appends up to `folded`; one that goes on at `first` is looked through."""
        while folded is not None and self._next is not None:
            if self._next.recorded_at > folded or self._next.recorded_at == first:
                return
            self._next = next(self._refused, None)

    def up_to(self, instant: datetime | None) -> Iterator[Refused]:
        """Those that wait, then the next ones, one by one."""
        yield from self.waiting
        while self._next is not None and (instant is None or self._next.recorded_at <= instant):
            found, self._next = self._next, next(self._refused, None)
            yield found


def _is_of_business(past: Past) -> bool:
    return any(kind_of(fact.stream) != "replay" for fact in past.facts)


def _later(clock: datetime | None, past: Past) -> datetime:
    latest = max(fact.occurred_at for fact in past.facts)
    return latest if clock is None or clock < latest else clock


def _is_after(point: Point, past: Past, clock: datetime) -> bool:
    return past.first_position > point if isinstance(point, int) else clock > point
