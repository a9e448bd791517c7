"""Which units of an order are committed now, which wait, and which are refused.

What may be promised at a stock is what is available there, with its backorder limit, less what
waits there ahead for units it would take one by one. An order that takes all or nothing holds back
nobody: it is served when everything it wants is there at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.events import (
    BackorderClosed,
    BackorderOutcome,
    OrderBackordered,
    OrderSourced,
    OrderUnits,
    OrderUnitsAllocated,
    StockBackordered,
    StockCommitted,
)
from domain.lot_units import expired_units
from domain.order import LineState, Order
from domain.order_drafts import Drafts, OrderDraft, expire_due, first
from domain.promises import due_reservations
from domain.refusals import InsufficientStock, Refusal
from domain.refusals_orders import NotSourceable
from domain.shelf import Shelf
from domain.sourcing import Choice, Need, choose
from domain.stock import Waiting
from domain.streams import stock_stream
from domain.values import day_of
from domain.whole_kits import WholeKits

Own = Mapping[str, int]
"""Units by stream that were this order's before it was placed: those of its reservation."""


@dataclass(slots=True)
class Rooms:
    """Units that may still be promised to one order, stock by stock, while its lines take them."""

    order_id: str
    drafts: Drafts
    own: Own
    _taken: dict[str, int] = field(default_factory=dict)
    _whole: dict[str, int] = field(default_factory=dict)

    def whole(self, stream: str) -> int:
        """Before any line took its units."""
        if stream not in self._whole:
            own = self.own.get(stream, 0)
            self._whole[stream] = room_for(self.order_id, self.drafts, stream, own)
        return self._whole[stream]

    def left(self, stream: str) -> int:
        return self.whole(stream) - self._taken.get(stream, 0)

    def take(self, stream: str, units: int) -> int:
        """As many of the units as there are."""
        taken = min(units, self.left(stream))
        self._taken[stream] = self._taken.get(stream, 0) + taken
        return taken


@dataclass(slots=True)
class Plan:
    """`waited` are units that wait already, by (line, location); `sourced` names the lines whose
    locations were chosen anew.
    """

    covered: list[OrderUnits] = field(default_factory=list)
    missing: list[OrderUnits] = field(default_factory=list)
    waited: dict[tuple[int, str], int] = field(default_factory=dict)
    choice: Choice | None = None
    sourced: frozenset[int] = frozenset()
    short: list[Refusal] = field(default_factory=list)


def settle(
    draft: OrderDraft, drafts: Drafts, own: Own, *, waits_already: bool = False
) -> Refusal | None:
    """Commit what the order's terms allow, let wait what they let wait; or why neither. With
    `waits_already` it is refused rather than that nothing changes.
    """
    order = draft.order
    plan = planned(order, drafts, own)
    terms = order.terms
    if plan.missing:
        idle = terms.allocation == "all" or not plan.covered
        if idle and (waits_already or not terms.backorder):
            return first(plan.short)
        if terms.allocation == "all":
            plan.missing, plan.covered = _joined([*plan.covered, *plan.missing]), []
        if not terms.backorder:
            plan.missing = []
    if plan.choice is not None:
        assert terms.sourcing is not None, "a choice was made by a strategy"
        draft.note(
            OrderSourced(
                order_id=order.order_id,
                strategy=terms.sourcing,
                lines=tuple(_joined([*plan.choice.covered, *plan.choice.missing])),
                considered=plan.choice.considered,
                reason=plan.choice.reason,
            )
        )
    _commit(draft, drafts, plan)
    _wait(draft, drafts, plan)
    return None


def planned(order: Order, drafts: Drafts, own: Own) -> Plan:
    """What of the order is committed nowhere yet, and where it could be."""
    progress = order.so_far()
    held: dict[int, int] = {}
    plan = Plan()
    for allotment in progress.allotments.values():
        held[allotment.line] = held.get(allotment.line, 0) + allotment.held
        if allotment.waiting:
            plan.waited[allotment.line, allotment.location] = allotment.waiting
    needs = [
        (line, units) for line in order.lines if (units := line.left - held.get(line.line, 0)) > 0
    ]
    rooms, kits = Rooms(order.order_id, drafts, own), WholeKits(order)
    located = [(line, units) for line, units in needs if line.location is not None]
    _located(located, rooms, kits, plan)
    anywhere = [(line, units) for line, units in needs if line.location is None]
    if anywhere:
        _sourced(order, anywhere, rooms, kits, plan)
    return plan


def room_for(order_id: str, drafts: Drafts, stream: str, own: int = 0) -> int:
    """Units that may be promised to the order there, by the draft as it stands."""
    stock, shelf = drafts.of(stream).stock, drafts.shelves[stream]
    ceiling = _room(drafts, stream) + _due(drafts, shelf)
    ahead = _ahead(stock.queue.values(), order_id) if stock.waiting else 0
    return max(0, min(ceiling, max(0, ceiling - own - ahead) + own))


def commit(drafts: Drafts, order: Order, units: OrderUnits, sku: str, waited: int) -> None:
    """Promise units at a stock; `waited` of them wait there until now."""
    stream = stock_stream(sku, units.location)
    draft, shelf = drafts.of(stream), drafts.shelves[stream]
    if units.quantity > _room(drafts, stream):
        expire_due(draft, shelf, drafts.occasion.now)
    if waited:
        served = OrderUnits(line=units.line, location=units.location, quantity=waited)
        close_wait(drafts, order, served, sku, "allocated")
    draft.note(
        StockCommitted(
            sku=sku,
            location=units.location,
            order_id=order.order_id,
            line=units.line,
            quantity=units.quantity,
            backorder_limit=shelf.promise_limit,
        )
    )


def close_wait(
    drafts: Drafts,
    order: Order,
    units: OrderUnits,
    sku: str,
    outcome: BackorderOutcome,
) -> None:
    """So many units of the line wait there no more."""
    drafts.of(stock_stream(sku, units.location)).note(
        BackorderClosed(
            sku=sku,
            location=units.location,
            order_id=order.order_id,
            line=units.line,
            quantity=units.quantity,
            outcome=outcome,
        )
    )


def wait(drafts: Drafts, order: Order, units: OrderUnits, line: LineState) -> None:
    """Put units at the end of the queue, or behind those of the line that wait already."""
    whole = order.terms.allocation == "all"
    drafts.of(stock_stream(line.sku, units.location)).note(
        StockBackordered(
            sku=line.sku,
            location=units.location,
            order_id=order.order_id,
            line=units.line,
            quantity=units.quantity,
            whole=whole,
            of_kits=line.part_of is not None and not whole,
        )
    )


def skus_of(order: Order) -> dict[int, str]:
    """What each line is of."""
    return {line.line: line.sku for line in order.lines}


def _located(
    needs: Iterable[tuple[LineState, int]], rooms: Rooms, kits: WholeKits, plan: Plan
) -> None:
    wanted: dict[str, tuple[LineState, int]] = {}
    for line, units in needs:
        stream, location = line.stock_stream, line.location or ""
        first_line, so_far = wanted.get(stream, (line, 0))
        wanted[stream] = (first_line, so_far + units)
        most = kits.most(line.line, units, lambda part: rooms.left(part.stock_stream))
        taken = rooms.take(stream, most)
        if taken:
            plan.covered.append(OrderUnits(line=line.line, location=location, quantity=taken))
        if units > taken:
            rest = units - taken
            plan.missing.append(OrderUnits(line=line.line, location=location, quantity=rest))
    for stream, (first_line, units) in wanted.items():
        room = rooms.whole(stream)
        if units > room:
            plan.short.append(
                InsufficientStock(
                    sku=first_line.sku,
                    location=first_line.location or "",
                    requested=units,
                    available=room,
                    line=first_line.line,
                )
            )


def _sourced(
    order: Order,
    needs: list[tuple[LineState, int]],
    rooms: Rooms,
    kits: WholeKits,
    plan: Plan,
) -> None:
    terms = order.terms
    assert terms.sourcing is not None, "a line without a location comes with a strategy"
    free: dict[tuple[str, str], int] = {}
    for sku in dict.fromkeys(line.sku for line, _ in needs):
        for location in terms.locations:
            free[sku, location] = rooms.left(stock_stream(sku, location))
    anywhere: dict[str, int] = {}
    for (sku, _), units in free.items():
        anywhere[sku] = anywhere.get(sku, 0) + units
    wanted = []
    for line, units in needs:
        most = kits.most(line.line, units, lambda part: anywhere.get(part.sku, 0))
        taken = min(most, anywhere[line.sku])
        anywhere[line.sku] -= taken
        wanted.append(Need(line=line.line, sku=line.sku, quantity=units, takes=most))
    choice = choose(terms.sourcing, wanted, terms.locations, free, terms.kilometres)
    plan.choice = choice
    plan.sourced = frozenset(need.line for need in wanted)
    plan.covered += choice.covered
    plan.missing += choice.missing
    plan.short += _not_sourceable(wanted, choice, terms.locations, free)


def _not_sourceable(
    needs: Iterable[Need],
    choice: Choice,
    locations: tuple[str, ...],
    free: Mapping[tuple[str, str], int],
) -> Iterator[Refusal]:
    missing = {units.line for units in choice.missing}
    for need in needs:
        if need.line in missing:
            yield NotSourceable(
                line=need.line,
                sku=need.sku,
                requested=need.quantity,
                available=sum(free[need.sku, location] for location in locations),
                locations=locations,
            )


def _commit(draft: OrderDraft, drafts: Drafts, plan: Plan) -> None:
    if not plan.covered:
        return
    order, skus = draft.order, skus_of(draft.order)
    draft.note(OrderUnitsAllocated(order_id=order.order_id, lines=tuple(plan.covered)))
    for units in plan.covered:
        waited = min(units.quantity, plan.waited.get((units.line, units.location), 0))
        commit(drafts, order, units, skus[units.line], waited)
        if waited:
            plan.waited[units.line, units.location] -= waited


def _wait(draft: OrderDraft, drafts: Drafts, plan: Plan) -> None:
    """What waits where it waited keeps its place; what was sourced elsewhere leaves the queue."""
    order, lines = draft.order, {line.line: line for line in draft.order.lines}
    told = []
    for units in plan.missing:
        place = units.line, units.location
        known = min(units.quantity, plan.waited.get(place, 0))
        plan.waited[place] = plan.waited.get(place, 0) - known
        further = units.quantity - known
        if units.line in plan.sourced:
            told.append(units)
        elif further:
            told.append(OrderUnits(line=units.line, location=units.location, quantity=further))
        if further:
            joining = OrderUnits(line=units.line, location=units.location, quantity=further)
            wait(drafts, order, joining, lines[units.line])
    for (line, location), left in plan.waited.items():
        if left and line in plan.sourced:
            units = OrderUnits(line=line, location=location, quantity=left)
            close_wait(drafts, order, units, lines[line].sku, "resourced")
    if told:
        draft.note(OrderBackordered(order_id=order.order_id, lines=tuple(told)))


def _joined(units: Iterable[OrderUnits]) -> list[OrderUnits]:
    """Each line and location once."""
    found: dict[tuple[int, str], int] = {}
    for each in units:
        key = (each.line, each.location)
        found[key] = found.get(key, 0) + each.quantity
    return [
        OrderUnits(line=line, location=location, quantity=quantity)
        for (line, location), quantity in found.items()
    ]


def _room(drafts: Drafts, stream: str) -> int:
    """As `promises.room_at`, but by the draft as it stands."""
    stock, shelf = drafts.of(stream).stock, drafts.shelves[stream]
    room = stock.available + shelf.promise_limit
    today = day_of(drafts.occasion.now)
    return room - expired_units(stock.lots.values(), today) if stock.lots else room


def _due(drafts: Drafts, shelf: Shelf) -> int:
    """Units of reservations that are due and not ended yet in the draft."""
    open_ones = drafts.of(shelf.stock.stream).stock.promises
    return sum(
        promise.quantity
        for promise in due_reservations(shelf.stock, drafts.occasion.now)
        if f"reservation#{promise.id}" in open_ones
    )


def _ahead(queue: Iterable[Waiting], order_id: str) -> int:
    units = 0
    for waiting in queue:
        if waiting.order_id == order_id:
            break
        if waiting.holds_back:
            units += waiting.quantity
    return units
