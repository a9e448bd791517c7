"""One command's sight of its ledger, over what its batch did, over what the log has confirmed.

A refused command's sight is dropped; an accepted one's changes become the batch's. Nothing here is
shared between threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from commands.folds import Folded, StreamKey, folded
from domain.aggregates import State
from domain.charge import Charge
from domain.events import StockEvent
from domain.item import Item
from domain.location import Location
from domain.order import Order
from domain.shelf import Shelf
from domain.stock import Stock
from domain.stock_history import StockHistory
from domain.streams import (
    charge_stream,
    item_stream,
    location_stream,
    order_stream,
    sku_and_location,
    stock_stream,
)
from domain.values import Fact


class StreamNotLoadedError(Exception):
    """A decision asked for a stream that was not read before the lock: read it and try again."""

    def __init__(self, key: StreamKey) -> None:
        super().__init__(f"stream {key[1]!r} of ledger {key[0]!r} is not in memory")
        self.key = key


class States(Protocol):
    """What lies below: a batch's changes, or the writer's confirmed memory."""

    def state_of(self, key: StreamKey) -> Folded:
        """Raises `StreamNotLoadedError`."""

    def history_of(self, key: StreamKey) -> StockHistory | None:
        """The stock's whole past, when it was read for this batch."""


class Overlay:
    """Changes that nobody has committed yet, over the states they change."""

    __slots__ = ("_below", "changed", "histories")

    def __init__(self, below: States) -> None:
        self._below = below
        self.changed: dict[StreamKey, Folded] = {}
        self.histories: dict[StreamKey, StockHistory] = {}

    def state_of(self, key: StreamKey) -> Folded:
        found = self.changed.get(key)
        return self._below.state_of(key) if found is None else found

    def history_of(self, key: StreamKey) -> StockHistory | None:
        return self.histories.get(key) or self._below.history_of(key)

    def take(self, upper: Overlay) -> None:
        """Make the changes of an overlay over this one its own."""
        self.changed.update(upper.changed)
        self.histories.update(upper.histories)


class CommandView(Overlay):
    """`decided` are the command's facts with the stream versions they get."""

    __slots__ = ("_ledger", "decided")

    def __init__(self, ledger: str, below: States) -> None:
        super().__init__(below)
        self._ledger = ledger
        self.decided: list[tuple[int, Fact]] = []

    def item(self, sku: str) -> Item | None:
        return cast("Item | None", self._state(item_stream(sku)))

    def location(self, location: str) -> Location | None:
        return cast("Location | None", self._state(location_stream(location)))

    def stock(self, sku: str, location: str) -> Stock:
        return cast("Stock", self._state(stock_stream(sku, location)))

    def order(self, order_id: str) -> Order | None:
        return cast("Order | None", self._state(order_stream(order_id)))

    def charge(self, charge_id: str) -> Charge | None:
        return cast("Charge | None", self._state(charge_stream(charge_id)))

    def shelf(self, sku: str, location: str) -> Shelf:
        return self._shelf(stock_stream(sku, location), sku, location)

    def shelves(self, stock_streams: Iterable[str]) -> Mapping[str, Shelf]:
        return {stream: self._shelf(stream, *sku_and_location(stream)) for stream in stock_streams}

    def version(self, stream: str) -> int:
        return self.state_of((self._ledger, stream)).version

    def apply(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            key = (self._ledger, fact.stream)
            after = folded(self.state_of(key), fact.event, fact.occurred_at)
            self.changed[key] = after
            self.decided.append((after.version, fact))
            history = self.history_of(key)
            if history is not None:
                event = cast("StockEvent", fact.event)
                self.histories[key] = history.then([(event, fact.occurred_at)])

    def _shelf(self, stream: str, sku: str, location: str) -> Shelf:
        return Shelf(
            stock=cast("Stock", self._state(stream)),
            item=self.item(sku),
            location=self.location(location),
            history=self.history_of((self._ledger, stream)),
        )

    def _state(self, stream: str) -> State | None:
        return self.state_of((self._ledger, stream)).state
