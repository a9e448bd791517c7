"""What a decision about one SKU at one location sees, and the facts it is putting together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain.construction import made_often
from domain.events import (
    CountRestated,
    DiscrepancyFound,
    PickedShipped,
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
)
from domain.item import Item
from domain.location import Location
from domain.lot_draft import LotDraft
from domain.moving_stock import MovingStock
from domain.named_units import UNNAMED, NamedUnits
from domain.quantities import deltas
from domain.refusals import Refusal, UnknownItem, UnknownLocation
from domain.refusals_lots import LotsNotTaken, UnitsRefusal
from domain.register import NOTHING_KNOWN, Identities, Register
from domain.shortfalls import shortfall_left
from domain.stock import Count, Stock
from domain.stock_history import HistoryNeededError, StaleHistoryError, StockHistory
from domain.tracing import Traced, missing, taken_back, trace_of
from domain.values import Fact, Facts, Occasion

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
    `history` is there when the stock says it is needed; `identities` knows lots and serials.
    """

    stock: Stock
    item: Item | None
    location: Location | None
    history: StockHistory | None = None
    identities: Identities = NOTHING_KNOWN

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

    def __init__(self, shelf: Shelf, occasion: Occasion, register: Register | None = None) -> None:
        """`register` is the command's, when it has several drafts."""
        self._shelf = shelf
        self._before = shelf.stock
        self._occasion = occasion
        self._history = shelf.history
        self._noted: list[tuple[StockEvent, UUID, datetime]] = []
        self.refused: list[UnitsRefusal] = []
        self.stock = MovingStock(shelf.stock)
        self.lots: LotDraft | None = None
        if shelf.item is not None and shelf.item.tracking != "none":
            register = register or Register(shelf.identities, occasion)
            self.lots = LotDraft(shelf.item, self._before, self.stock, occasion, register)

    @property
    def sku(self) -> str:
        return self._before.sku

    @property
    def location(self) -> str:
        return self._before.location

    @property
    def on_shelf(self) -> int:
        """Units that are there, neither held nor picked for somebody, by the draft as it stands."""
        if self.lots is not None:
            return sum(lot.free for lot in self.stock.lots.values())
        return max(0, self.stock.on_hand - self.stock.held - self.stock.picked)

    @property
    def units(self) -> NamedUnits:
        """The lots (or serials) of on hand that the facts of this draft have moved so far: what the
        other half of a move names.
        """
        return UNNAMED if self.lots is None else self.lots.units

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
        occurred_at = occurred_at or self._occasion.occurred_at
        lots = self._lots_of(event, units, line)
        if lots is not None:
            self._add(event, lots, occurred_at)

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
        if lots or self.stock.on_hand + by < 0:
            self._find_what_is_missing(by, lots, cause=event_id)
        self._add(event, lots, occurred_at, event_id)

    def hold_again(self) -> None:
        """Hold what came in, or was let go, of lots that are recalled or have expired. Done at the
        draft's end, and before anything of it is promised in the same command.
        """
        for held in () if self.lots is None else self.lots.held_again():
            self.note(held)

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
        if self.lots is None and not self.refused:
            return tuple(self.stock_facts())
        return closed((self,), None if self.lots is None else self.lots.register)

    def stock_facts(self) -> list[Fact]:
        """Those on the stock's own stream, closed."""
        self.hold_again()
        stated = shortfall_left(self._before, self.stock)
        if stated is not None:
            self._add(stated, (), self._occasion.occurred_at)
        last = len(self._noted) - 1
        stream = self._before.stream
        return [
            Fact(
                stream=stream,
                event=event,
                event_id=event_id,
                occurred_at=occurred_at,
                after=self.stock.at_rest() if place == last else None,
            )
            for place, (event, event_id, occurred_at) in enumerate(self._noted)
        ]

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
        if self.lots is None:
            if named is UNNAMED or not named:
                return ()
            units: Traced | UnitsRefusal = LotsNotTaken(sku=self.sku, tracking="none")
        else:
            counting = isinstance(event, StockCounted)
            then = self._lots_at(self._occasion.occurred_at) if counting else {}
            units = self.lots.lots_of(event, named, then)
        if isinstance(units, Refusal):
            line = getattr(event, "line", None) if line is None else line
            self.refused.append(units if line is None else replace(units, line=line))
            return None
        return units

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
        self._noted.append((event, event_id, occurred_at))
        self.stock.apply(event, occurred_at)
        if self._history is not None:
            self._history = self._history.then([(event, occurred_at)])
        if traced and self.lots is not None:
            trace = trace_of(event, str(event_id), traced, serials=self.lots.of_serials)
            self._add(trace, (), occurred_at)
            self.lots.noted(trace)

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


def closed(
    drafts: Collection[StockDraft], register: Register | None, first: Iterable[Fact] = ()
) -> Facts | Refusal:
    """`first`, then what the drafts of one command come to, stock by stock, with what it says of
    lots before and of serials behind; or the first refusal, with the others in its `also`.
    """
    facts = [fact for draft in drafts for fact in draft.stock_facts()]
    refused = [refusal for draft in drafts for refusal in draft.refused]
    if register is not None:
        tracked = [draft.lots for draft in drafts if draft.lots is not None]
        for lots in tracked:
            lots.leave()
        for lots in tracked:
            refused += lots.place()
        facts = [*register.lot_facts, *facts, *register.serial_facts]
    if refused:
        return replace(refused[0], also=tuple(refused[1:]))
    return (*first, *facts)
