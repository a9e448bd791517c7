"""What a writer remembers of one shard: streams folded up to a known position, nothing unsure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast

import structlog

from commands.folds import Folded, StreamKey, folded_all
from commands.view import Layers
from domain.aggregates import State
from domain.cycle_count import CycleCount
from domain.events import StockEvent
from domain.order import Order
from domain.stock import Stock
from domain.stock_history import StockHistory
from eventlog.codec import UndecodableEventError, UnknownEventType, decode
from eventlog.log import RecordedEvent

log = structlog.get_logger(__name__)


class ShardMemory:
    """Used by one thread at a time. Every state holds all events of its stream up to
    `known_position` at least; later ones that it holds already are passed over when they come.
    """

    def __init__(self, *, known_position: int) -> None:
        self.known_position = known_position
        self._streams: OrderedDict[StreamKey, Folded] = OrderedDict()
        self._histories: dict[StreamKey, StockHistory] = {}
        self._weight = 0

    @property
    def layers(self) -> Layers[Folded]:
        return (self._streams,)

    @property
    def histories(self) -> Layers[StockHistory]:
        return (self._histories,)

    def touch(self, key: StreamKey) -> bool:
        """Whether the stream is in memory; if so, it is now the last to be forgotten."""
        if key not in self._streams:
            return False
        self._streams.move_to_end(key)
        return True

    def get(self, key: StreamKey) -> Folded | None:
        return self._streams.get(key)

    def put(self, key: StreamKey, new: Folded) -> None:
        old = self._streams.get(key)
        self._weight += weight(new.state) - (0 if old is None else weight(old.state))
        self._streams[key] = new

    def put_history(self, key: StreamKey, events: Iterable[RecordedEvent]) -> int:
        """Returns how many events it has."""
        history = self._histories[key] = StockHistory().then(map(_dated, events))
        return history.version

    def confirm(
        self,
        changed: Mapping[StreamKey, Folded],
        rewritten: Mapping[StreamKey, StockHistory],
        *,
        position: int,
    ) -> None:
        """Take over what the log now holds, up to `position`."""
        for key, new in changed.items():
            self.put(key, new)
        self._histories.update(rewritten)
        self.known_position = position

    def forget(self, key: StreamKey) -> None:
        old = self._streams.pop(key, None)
        self._weight -= 0 if old is None else weight(old.state)
        self._histories.pop(key, None)

    def trim_histories(self, events_max: int) -> None:
        """All or none: the next batch says what it needs."""
        if sum(history.version for history in self._histories.values()) > events_max:
            self._histories.clear()

    def forget_all(self, *, known_position: int) -> None:
        self._streams.clear()
        self._histories.clear()
        self._weight = 0
        self.known_position = known_position

    def trim(self, weight_max: int) -> None:
        while self._weight > weight_max and self._streams:
            _, old = self._streams.popitem(last=False)
            self._weight -= weight(old.state)

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        """Fold what others appended. Never raises: what cannot be folded is forgotten, to be read
        again, loudly, by whoever needs it.
        """
        for event in events:
            key = (event.ledger, event.stream)
            before, history = self._streams.get(key), self._histories.get(key)
            try:
                if before is not None:
                    self.put(key, folded_all(before, (event,)))
                if history is not None and event.stream_version > history.version:
                    self._histories[key] = history.then([_dated(event)])
            except (UnknownEventType, UndecodableEventError) as error:
                log.warning("event_not_understood", stream=event.stream, error=str(error))
                self.forget(key)
        if events:
            self.known_position = events[-1].shard_position


def weight(state: State | None) -> int:
    """About how much memory a state takes, in units of half a kilobyte."""
    if type(state) is Stock:
        return 1 + (len(state.promises) + len(state.closed_reservations) + len(state.lots)) // 2
    if type(state) is Order:
        return 1 + len(state.lines) // 2
    if type(state) is CycleCount:
        return 1 + len(state.lines) // 4 + len(state.skus) // 16
    return 1


def _dated(event: RecordedEvent) -> tuple[StockEvent, datetime]:
    return cast("StockEvent", decode(event.type, event.data)), event.occurred_at
