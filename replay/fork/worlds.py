"""One ledger twice: as it happened, and as it would have gone. The second is kept only where it
went another way, so both together take little more memory than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from commands.folds import Folded, StreamKey, beginning, folded
from commands.view import CommandView, Layers
from domain.aggregates import State
from domain.events import (
    CountRestated,
    DiscrepancyFound,
    Event,
    SerialLeft,
    SerialPlaced,
    StockTraced,
)
from domain.item import Item
from domain.order import Order
from domain.stock import Stock
from domain.stock_history import StockHistory
from domain.streams import item_stream
from domain.values import Fact

ENDED = frozenset({"shipped", "delivered", "cancelled", "closed"})


class Streams(dict[StreamKey, Folded]):
    """Every stream there is; one that has no events stands at its beginning."""

    def get(self, key: StreamKey, default: object = None) -> Folded:  # noqa: ARG002 - a dict's
        found = dict.get(self, key)
        return beginning(key[1]) if found is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layered:
    """`commands.view.States`: what a decision sees."""

    layers: Layers[Folded]
    histories: Layers[StockHistory]


class _PolicyItems(Mapping[StreamKey, Folded]):
    """The items as a policy makes them; everything else is left to the layers below."""

    def __init__(self, streams: Streams, applied: Callable[[Item], Item]) -> None:
        self._streams = streams
        self._applied = applied

    def get(self, key: StreamKey, default: object = None) -> Folded | None:  # type: ignore[override] # noqa: ARG002 - a mapping's
        if not key[1].startswith("item-"):
            return None
        found = self._streams.get(key)
        if not isinstance(found.state, Item):
            return found
        return found._replace(state=self._applied(found.state))

    def __getitem__(self, key: StreamKey) -> Folded:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[StreamKey]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)


class Worlds:
    """`histories` are the pasts of stocks for the command at hand; empty between two."""

    def __init__(self, ledger: str, applied: Callable[[Item], Item] | None = None) -> None:
        self._ledger = ledger
        self._happened = Streams()
        self._apart: dict[StreamKey, Folded] = {}
        self.histories: dict[StreamKey, StockHistory] = {}
        self._as_happened = _Layered(layers=(self._happened,), histories=(self.histories,))
        below: Layers[Folded] = (self._apart, self._happened)
        if applied is not None:
            below = (_PolicyItems(self._happened, applied), *below)
        self._as_forked = _Layered(layers=below, histories=(self.histories,))

    @property
    def streams_apart(self) -> int:
        """How many streams went another way than they did."""
        return len(self._apart)

    def happened(self) -> CommandView:
        return CommandView(self._ledger, self._as_happened)

    def forked(self, instead: Mapping[str, State] | None = None) -> CommandView:
        """With these states seen instead of those there are, by stream."""
        view = CommandView(self._ledger, self._as_forked)
        for stream, state in (instead or {}).items():
            key = (self._ledger, stream)
            view.changed[key] = view.state_of(key)._replace(state=state)
        return view

    def is_apart(self, stream: str) -> bool:
        return (self._ledger, stream) in self._apart

    def is_put_away(self, stream: str) -> bool:
        """Whether it is an order of which its end alone is kept."""
        if not stream.startswith("order-"):
            return False
        order = self._happened.get((self._ledger, stream)).state
        return isinstance(order, Order) and not order.lines

    def take_up(self, stream: str, order: Order) -> None:
        """The order as a whole, instead of its end; where it went its own way it always was."""
        key = (self._ledger, stream)
        self._happened[key] = self._happened.get(key)._replace(state=order)

    def item(self, sku: str) -> Item | None:
        return cast("Item | None", self._happened.get((self._ledger, item_stream(sku))).state)

    def stocks(self) -> Iterator[Stock]:
        """As they happened."""
        for folded_stream in self._happened.values():
            if isinstance(folded_stream.state, Stock):
                yield folded_stream.state

    def remember(self, stream: str, history: StockHistory) -> None:
        self.histories[self._ledger, stream] = history

    def fold(self, facts: Iterable[Fact]) -> None:
        """What happened, in both."""
        for fact in facts:
            key = (self._ledger, fact.stream)
            self._happened[key] = _put_away(_folded(self._happened.get(key), fact))
            if key in self._apart:
                self._apart[key] = _folded(self._apart[key], fact)
        self.histories.clear()

    def part(self, facts: Sequence[Fact], decided: Sequence[Fact]) -> frozenset[str]:
        """What happened in the one, what was decided in the other. Returns the streams on which
        they differ; those go their own way from here on.
        """
        happened, forked = facts_by_stream(facts), facts_by_stream(decided)
        differing = {
            stream
            for stream in {*happened, *forked}
            if not same_facts(happened.get(stream, ()), forked.get(stream, ()))
        }
        for stream in {*happened, *forked}:
            key = (self._ledger, stream)
            before = self._happened.get(key)
            for fact in happened.get(stream, ()):
                self._happened[key] = _put_away(_folded(self._happened.get(key), fact))
            if stream not in differing and key not in self._apart:
                continue
            after = self._apart.get(key, before)
            for fact in forked.get(stream, ()):
                after = _folded(after, fact)
            self._apart[key] = after
        self.histories.clear()
        return frozenset(differing)


def _folded(before: Folded, fact: Fact) -> Folded:
    return folded(before, fact.event, fact.occurred_at)


def _put_away(after: Folded) -> Folded:
    """Of an order that has ended its end is enough, for most of them for ever."""
    order = after.state
    if isinstance(order, Order) and order.status in ENDED and order.lines:
        return after._replace(state=replace(order, lines=(), customer=None, progress=None))
    return after


def facts_by_stream(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    """In their order."""
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        found.setdefault(fact.stream, []).append(fact)
    return found


def same_facts(left: Sequence[Fact], right: Sequence[Fact]) -> bool:
    """Whether two commands said the same of one stream, whatever the ids of their events are."""
    if len(left) != len(right):
        return False
    left_ids = {str(fact.event_id): place for place, fact in enumerate(left)}
    right_ids = {str(fact.event_id): place for place, fact in enumerate(right)}
    return all(
        one.occurred_at == other.occurred_at
        and _without_ids(one.event, left_ids) == _without_ids(other.event, right_ids)
        for one, other in zip(left, right, strict=True)
    )


def _without_ids(event: Event, places: Mapping[str, int]) -> Event:
    if isinstance(
        event, CountRestated | DiscrepancyFound | StockTraced | SerialPlaced | SerialLeft
    ):
        return replace(event, cause_event_id=str(places.get(event.cause_event_id)))
    return event


def at_the_latest(instants: Iterable[datetime | None], instant: datetime) -> datetime:
    """The latest of them; None is no instant."""
    return max((each for each in instants if each is not None), default=instant)
