"""What a kind of document is: a row for each stream of one kind, folded by the domain's own code.

A kind's functions are named ones of a module: fingerprints read their source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from domain.events import Event
from domain.streams import StreamKind

State = TypeVar("State")
Told = Sequence[tuple[Event, datetime]]
"""Facts of one stream in order, each with its `occurred_at`."""
Fold = Callable[[State | None, str, Told], State]


class NotBegunError(Exception):
    """A stream's fact, by its place among those that were told, comes before any beginning."""

    def __init__(self, number: int) -> None:
        super().__init__("it comes before anything that begins its stream")
        self.number = number


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[State]):
    """`types`: today's names of the events it is made from. `state`: a dataclass, the row's body.

    `fold`: the state (None: no row yet), the stream's id and further facts to the next state; how
    they are cut into calls changes nothing. Raises `NotBegunError`. `refs`: what a document is
    found by, such as `sku:A`, `order:o1`, `lot:A/L1`, `location:hall`.
    """

    name: StreamKind
    types: tuple[str, ...]
    state: type[State]
    fold: Fold[State]
    status: Callable[[State], str]
    refs: Callable[[State], Iterable[str]]


def one_by_one(evolve: Callable[[Any, Any, datetime], State | None]) -> Fold[State]:
    """A fold out of an aggregate's own `evolve`, which leaves None where nothing has begun."""

    def fold(state: State | None, _: str, told: Told) -> State:
        for number, (event, occurred_at) in enumerate(told):
            state = evolve(state, event, occurred_at)
            if state is None:
                raise NotBegunError(number)
        assert state is not None
        return state

    return fold
