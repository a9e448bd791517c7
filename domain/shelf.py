"""What a decision about one SKU at one location sees, and the facts it is putting together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.construction import made_often
from domain.events import (
    CountRestated,
    DiscrepancyFound,
    ShortfallStated,
    StockAdjusted,
    StockCounted,
    StockEvent,
    StockReceived,
    StockReturned,
    StockShipped,
    UncoveredPromise,
)
from domain.item import Item
from domain.location import Location
from domain.moving_stock import MovingStock
from domain.quantities import deltas
from domain.refusals import UnknownItem, UnknownLocation
from domain.stock import Count, Promise, Stock
from domain.stock_history import HistoryNeededError, StaleHistoryError, StockHistory
from domain.values import Fact, Facts, Occasion


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One SKU at one location. `item` and `location` are None when they were never registered;
    `history` is there when the stock says it is needed.
    """

    stock: Stock
    item: Item | None
    location: Location | None
    history: StockHistory | None = None

    def unknown(self) -> UnknownItem | UnknownLocation | None:
        if self.item is None:
            return UnknownItem(sku=self.stock.sku)
        if self.location is None:
            return UnknownLocation(location=self.stock.location)
        return None

    @property
    def promise_limit(self) -> int:
        return 0 if self.item is None else self.item.promise_limit


class StockDraft:
    """The facts of one command on one stock, each applied as it is noted."""

    def __init__(
        self, stock: Stock, occasion: Occasion, history: StockHistory | None = None
    ) -> None:
        self._before = stock
        self._occasion = occasion
        self._history = history
        self._noted: list[tuple[StockEvent, UUID, datetime]] = []
        self.stock = MovingStock(stock)

    @property
    def sku(self) -> str:
        return self._before.sku

    @property
    def location(self) -> str:
        return self._before.location

    def note(
        self,
        event: StockEvent,
        *,
        occurred_at: datetime | None = None,
        event_id: UUID | None = None,
    ) -> None:
        """Add a fact, of the occasion's time unless another is given."""
        occurred_at = occurred_at or self._occasion.occurred_at
        self._noted.append((event, event_id or self._occasion.new_id(), occurred_at))
        self.stock.apply(event, occurred_at)
        if self._history is not None:
            self._history = self._history.then([(event, occurred_at)])

    def move(
        self, event: StockReceived | StockAdjusted | StockCounted | StockShipped | StockReturned
    ) -> None:
        """Add a fact that moves on hand. When a later count is known, that count is restated so
        that its counted quantity stands; otherwise units that were never known to be there are
        found first. Whatever adds units comes first: on hand is below zero at no position.
        """
        occurred_at = self._occasion.occurred_at
        event_id = self._occasion.new_id()
        units = deltas(event).on_hand
        count = self._first_count_after(occurred_at)
        if count is not None and units:
            restated = CountRestated(
                sku=self.sku,
                location=self.location,
                count_id=count.count_id,
                cause_event_id=str(event_id),
                counted=count.counted,
                expected=count.expected + units,
                delta=-units,
            )
            if units < 0:
                self.note(restated, occurred_at=count.occurred_at)
                self.note(event, event_id=event_id)
            else:
                self.note(event, event_id=event_id)
                self.note(restated, occurred_at=count.occurred_at)
            return
        if self.stock.on_hand + units < 0:
            self._find(-(self.stock.on_hand + units), cause=event_id)
        self.note(event, event_id=event_id)

    def on_hand_at(self, instant: datetime) -> int:
        """On hand by `occurred_at`. Raises HistoryNeededError, StaleHistoryError."""
        if not self._before.count_needs_history(instant):
            return self.stock.on_hand
        return self._known_history(instant).on_hand_at(instant)

    def knows_count(self, count_id: str) -> bool:
        counts = self.stock.counts if self._history is None else self._history.counts
        return any(count.count_id == count_id for count in counts)

    def facts(self) -> Facts:
        """All facts, closed by the shortfall they leave if that is another than before."""
        before, after = self._before, self.stock
        if after.uncovered or before.uncovered_stated:
            left = uncovered_promises(after.promises.values(), after.uncovered)
            known = uncovered_promises(before.promises.values(), before.uncovered)
            if after.uncovered != before.uncovered_stated or left != known:
                stated = ShortfallStated(
                    sku=self.sku,
                    location=self.location,
                    uncovered=after.uncovered,
                    promises=left,
                )
                self.note(stated)
        last = len(self._noted) - 1
        return tuple(
            Fact(
                stream=before.stream,
                event=event,
                event_id=event_id,
                occurred_at=occurred_at,
                after=after.at_rest() if place == last else None,
            )
            for place, (event, event_id, occurred_at) in enumerate(self._noted)
        )

    def _first_count_after(self, instant: datetime) -> Count | None:
        """A count at the instant itself came before: ties go by log order."""
        if self._before.needs_history(instant):
            counts = self._known_history(instant).counts
        else:
            counts = self.stock.counts
        if not counts or counts[-1].occurred_at <= instant:
            return None
        return next(count for count in counts if count.occurred_at > instant)

    def _find(self, missing: int, *, cause: UUID) -> None:
        # Dated when on hand last moved, not when the fact happened: a count of that earlier instant
        # saw what it saw, so the units can only have turned up after it.
        at = self._occasion.occurred_at
        if self.stock.last_moved_at is not None:
            at = max(at, self.stock.last_moved_at)
        found = DiscrepancyFound(
            sku=self.sku, location=self.location, quantity=missing, cause_event_id=str(cause)
        )
        self.note(found, occurred_at=at)

    def _known_history(self, instant: datetime) -> StockHistory:
        history = self._history
        if history is None:
            raise HistoryNeededError(self._before.stream, instant)
        if history.version != self.stock.version:
            raise StaleHistoryError(
                self._before.stream,
                history_version=history.version,
                stock_version=self.stock.version,
            )
        return history


def uncovered_promises(promises: Iterable[Promise], uncovered: int) -> tuple[UncoveredPromise, ...]:
    """Whose units are uncovered: the newest promise loses first. `promises` are oldest first."""
    named = []
    for promise in reversed(list(promises)) if uncovered else ():
        units = min(uncovered, promise.quantity)
        uncovered -= units
        named.append(
            UncoveredPromise(kind=promise.kind, id=promise.id, line=promise.line, uncovered=units)
        )
        if not uncovered:
            break
    return tuple(named)
