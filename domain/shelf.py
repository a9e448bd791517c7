"""What a decision about one SKU at one location sees, and the facts it is putting together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain.construction import made_often
from domain.events import (
    CountRestated,
    DiscrepancyFound,
    PickedShipped,
    ShortfallStated,
    StockAdjusted,
    StockArrived,
    StockConsumed,
    StockCounted,
    StockDispatched,
    StockEvent,
    StockMovedIn,
    StockMovedOut,
    StockProduced,
    StockReceived,
    StockReturned,
    StockShipped,
    StockWrittenOff,
    UncoveredPromise,
)
from domain.item import Item
from domain.location import Location
from domain.lot_choice import Sight
from domain.moving_stock import MovingStock
from domain.named_units import UNNAMED, LotQuantity, NamedUnits
from domain.quantities import deltas
from domain.refusals import Refusal, UnknownItem, UnknownLocation
from domain.refusals_lots import UnitsRefusal
from domain.stock import Count, Promise, Stock
from domain.stock_history import HistoryNeededError, StaleHistoryError, StockHistory
from domain.tracing import Traced, missing, taken_back, trace_of, traced
from domain.values import Fact, Facts, Occasion, day_of

Movement = (
    StockReceived
    | StockAdjusted
    | StockCounted
    | StockShipped
    | StockReturned
    | PickedShipped
    | StockWrittenOff
    | StockMovedOut
    | StockMovedIn
    | StockDispatched
    | StockArrived
    | StockConsumed
    | StockProduced
)


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
    """The facts of one command on one stock, each applied as it is noted.

    Of an item that is tracked by lot or serial, each fact that moves on hand, picked or held is
    followed by the lots it moved. What is wrong with those that were named refuses the draft.
    """

    def __init__(self, shelf: Shelf, occasion: Occasion) -> None:
        self._shelf = shelf
        self._before = shelf.stock
        self._occasion = occasion
        self._history = shelf.history
        self._noted: list[tuple[StockEvent, UUID, datetime]] = []
        self.refused: list[UnitsRefusal] = []
        self._tracked = shelf.item is not None and shelf.item.tracking != "none"
        self._moved: dict[str, LotQuantity] = {}
        self.stock = MovingStock(shelf.stock)

    @property
    def sku(self) -> str:
        return self._before.sku

    @property
    def location(self) -> str:
        return self._before.location

    @property
    def units(self) -> NamedUnits:
        """The lots (or serials) of on hand that the facts of this draft have moved so far: what the
        other half of a move names.
        """
        item = self._shelf.item
        if item is not None and item.tracking == "serial":
            return NamedUnits(serials=tuple(self._moved))
        return NamedUnits(lots=tuple(self._moved.values()))

    def note(
        self,
        event: StockEvent,
        *,
        units: NamedUnits = UNNAMED,
        occurred_at: datetime | None = None,
        line: int | None = None,
    ) -> None:
        """Add a fact that leaves on hand as it is, of the occasion's time unless another is given.

        `units` are the lots it is about, `line` is the one a refusal for them names.
        """
        lots = self._lots_of(event, units, line)
        if lots is not None:
            self._add(event, lots, occurred_at or self._occasion.occurred_at)

    def move(
        self, event: Movement, *, units: NamedUnits = UNNAMED, line: int | None = None
    ) -> None:
        """Add a fact that moves on hand. When a later count is known, that count is restated so
        that its counted quantity stands; otherwise units that were never known to be there are
        found first. Whatever adds units comes first: on hand is below zero at no position.

        `units` are the lots (or serials) it moves; of what leaves they may be left out, and the
        item's removal order chooses. `line` is the one a refusal for them names.
        """
        lots = self._lots_of(event, units, line)
        if lots is None:
            return
        self._remember(lots)
        occurred_at = self._occasion.occurred_at
        event_id = self._occasion.new_id()
        by = deltas(event).on_hand
        count = self._first_count_after(occurred_at)
        if count is not None and (by or lots):
            restated = CountRestated(
                sku=self.sku,
                location=self.location,
                count_id=count.count_id,
                cause_event_id=str(event_id),
                counted=count.counted,
                expected=count.expected + by,
                delta=-by,
            )
            back = taken_back(lots)
            if by < 0:
                self._add(restated, back, count.occurred_at)
                self._add(event, lots, occurred_at, event_id)
            else:
                self._add(event, lots, occurred_at, event_id)
                self._add(restated, back, count.occurred_at)
            return
        self._find_what_is_missing(by, lots, cause=event_id)
        self._add(event, lots, occurred_at, event_id)

    def on_hand_at(self, instant: datetime) -> int:
        """On hand by `occurred_at`. Raises HistoryNeededError, StaleHistoryError."""
        if not self._before.count_needs_history(instant):
            return self.stock.on_hand
        return self._known_history(instant).on_hand_at(instant)

    def knows_count(self, count_id: str) -> bool:
        counts = self.stock.counts if self._history is None else self._history.counts
        return any(count.count_id == count_id for count in counts)

    def facts(self) -> Facts | Refusal:
        """All facts, closed by the shortfall they leave if that is another than before; or why
        there are none.
        """
        if self.refused:
            return replace(self.refused[0], also=tuple(self.refused[1:]))
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
                self._add(stated, (), self._occasion.occurred_at)
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

    def _find_what_is_missing(self, by: int, traced: Traced, *, cause: UUID) -> None:
        there = missing(traced, self.stock.lots) if traced else ()
        units = max(sum(each.on_hand for each in there), -(self.stock.on_hand + by))
        if units <= 0:
            return
        # Dated when on hand last moved, not when the fact happened: a count of that earlier instant
        # saw what it saw, so the units can only have turned up after it.
        at = self._occasion.occurred_at
        if self.stock.last_moved_at is not None:
            at = max(at, self.stock.last_moved_at)
        found = DiscrepancyFound(
            sku=self.sku, location=self.location, quantity=units, cause_event_id=str(cause)
        )
        self._add(found, there, at)

    def _lots_of(self, event: StockEvent, named: NamedUnits, line: int | None) -> Traced | None:
        """None, and the draft is refused, when the lots named cannot be those of the fact."""
        item = self._shelf.item
        if item is None or (not self._tracked and named is UNNAMED):
            return ()
        sight = Sight(
            item=item,
            location=self.location,
            stock=self.stock,
            today=day_of(self._occasion.now),
        )
        lots_then: Mapping[str, int] = {}
        if isinstance(event, StockCounted):
            lots_then = self._lots_at(self._occasion.occurred_at)
        units = traced(event, named, sight, lots_then)
        if isinstance(units, Refusal):
            line = getattr(event, "line", None) if line is None else line
            self.refused.append(units if line is None else replace(units, line=line))
            return None
        return units

    def _remember(self, lots: Traced) -> None:
        for each in lots:
            known, there = self._moved.get(each.lot), self.stock.lots.get(each.lot)
            self._moved[each.lot] = LotQuantity(
                lot=each.lot,
                quantity=abs(each.on_hand) + (0 if known is None else known.quantity),
                expires_on=each.expires_on or (None if there is None else there.expires_on),
            )

    def _lots_at(self, instant: datetime) -> Mapping[str, int]:
        if not self._before.count_needs_history(instant):
            lots = self.stock.lots.values()
            return {lot.lot: lot.on_hand for lot in lots if lot.on_hand}
        return self._known_history(instant).lots_at(instant)

    def _add(
        self,
        event: StockEvent,
        traced: Traced,
        occurred_at: datetime,
        event_id: UUID | None = None,
    ) -> None:
        event_id = event_id or self._occasion.new_id()
        self._append(event, event_id, occurred_at)
        if traced:
            trace = trace_of(event, str(event_id), traced)
            self._append(trace, self._occasion.new_id(), occurred_at)

    def _append(self, event: StockEvent, event_id: UUID, occurred_at: datetime) -> None:
        self._noted.append((event, event_id, occurred_at))
        self.stock.apply(event, occurred_at)
        if self._history is not None:
            self._history = self._history.then([(event, occurred_at)])

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
