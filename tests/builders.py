"""Facts in one word, and the occasions on which decisions are made: one SKU at one warehouse."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count as counting
from uuid import UUID

from domain.aggregates import State, initial
from domain.aggregates import evolve as evolve_any
from domain.events import (
    CommitmentReleased,
    CountRestated,
    DiscrepancyFound,
    Disposition,
    Event,
    ItemRegistered,
    LocationRegistered,
    OrderLine,
    OrderPlaced,
    ReservationExpired,
    ReservationReleased,
    ShippedLine,
    ShortfallStated,
    StockAdjusted,
    StockCommitted,
    StockCounted,
    StockEvent,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
    UncoveredPromise,
)
from domain.item import Item
from domain.location import Location
from domain.moving_stock import evolve
from domain.order import Order
from domain.refusals import Refusal
from domain.shelf import Shelf
from domain.stock import Stock
from domain.stock_history import StockHistory
from domain.streams import order_stream, stock_stream
from domain.values import Facts, Occasion

SKU = "A-1"
PLACE = "WH"
START = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = 1_000_000  # The minute at which nothing in these tests expires.

Dated = tuple[StockEvent, datetime]


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def ids() -> Callable[[], UUID]:
    numbers = counting(1)
    return lambda: UUID(int=next(numbers))


def occasion(at: int = 0, now: int | None = None) -> Occasion:
    """`at` and `now` in minutes; the ids are UUID(int=1), UUID(int=2), …"""
    return Occasion(occurred_at=minute(at), now=minute(at if now is None else now), new_id=ids())


def at(number: int, event: StockEvent) -> Dated:
    return event, minute(number)


def stock(*facts: StockEvent | Dated, sku: str = SKU, location: str = PLACE) -> Stock:
    """The stock after these facts; those without a date happened at minute 0."""
    state = Stock(sku=sku, location=location)
    for event, occurred_at in dated(facts):
        state = evolve(state, event, occurred_at)
    return state


def dated(facts: tuple[StockEvent | Dated, ...]) -> list[Dated]:
    return [fact if isinstance(fact, tuple) else (fact, minute(0)) for fact in facts]


def item(
    sku: str = SKU, *, backorder_limit: int = 0, discontinued_at: datetime | None = None
) -> Item:
    return Item(
        sku=sku,
        name="Lamp",
        backorder_limit=backorder_limit,
        attributes={},
        discontinued_at=discontinued_at,
    )


def location(name: str = PLACE) -> Location:
    return Location(location=name, name="Warehouse")


def shelf(
    *facts: StockEvent | Dated,
    sku: str = SKU,
    place: str = PLACE,
    backorder_limit: int = 0,
    discontinued_at: int | None = None,
    remember: bool = False,
) -> Shelf:
    """A known item at a known location after these facts; `remember`: with its whole history."""
    end = None if discontinued_at is None else minute(discontinued_at)
    return Shelf(
        stock=stock(*facts, sku=sku, location=place),
        item=item(sku, backorder_limit=backorder_limit, discontinued_at=end),
        location=location(place),
        history=StockHistory().then(dated(facts)) if remember else None,
    )


class World:
    """The states after everything recorded so far, by stream."""

    def __init__(self, *, backorder_limit: int = 0, discontinued: bool = False) -> None:
        self.states: dict[str, State | None] = {}
        self.item = item(
            backorder_limit=backorder_limit, discontinued_at=START if discontinued else None
        )

    def record(self, decided: Facts | Refusal) -> list[Event]:
        events = happened(decided)
        assert not isinstance(decided, Refusal)
        for fact in decided:
            state = self.states.get(fact.stream, initial(fact.stream))
            self.states[fact.stream] = evolve_any(state, fact.event, fact.occurred_at)
        return events

    def stock(self, place: str = PLACE) -> Stock:
        stream = stock_stream(SKU, place)
        state = self.states.get(stream, initial(stream))
        assert isinstance(state, Stock)
        return state

    def shelf(self, place: str = PLACE) -> Shelf:
        return Shelf(stock=self.stock(place), item=self.item, location=location(place))

    def shelves(self, *places: str) -> dict[str, Shelf]:
        return {stock_stream(SKU, place): self.shelf(place) for place in places or (PLACE,)}

    def order(self, order_id: str) -> Order | None:
        state = self.states.get(order_stream(order_id))
        assert state is None or isinstance(state, Order)
        return state


def happened(decided: Facts | Refusal) -> list[Event]:
    """The decided events, of a decision that was not refused."""
    assert not isinstance(decided, Refusal), decided.sentence()
    return [fact.event for fact in decided]


def item_registered(sku: str = SKU, name: str = "Lamp") -> ItemRegistered:
    return ItemRegistered(sku=sku, name=name, attributes={})


def location_registered(name: str = PLACE) -> LocationRegistered:
    return LocationRegistered(location=name, name="Warehouse")


def received(quantity: int) -> StockReceived:
    return StockReceived(sku=SKU, location=PLACE, quantity=quantity)


def adjusted(
    delta: int, reason: str = "damaged", condition: Disposition = "stock"
) -> StockAdjusted:
    return StockAdjusted(sku=SKU, location=PLACE, delta=delta, reason=reason, condition=condition)


def counted(count_id: str, quantity: int, *, expected: int) -> StockCounted:
    return StockCounted(
        sku=SKU, location=PLACE, count_id=count_id, counted=quantity, expected=expected
    )


def restated(
    count_id: str, quantity: int, *, expected: int, delta: int, cause: int = 1
) -> CountRestated:
    return CountRestated(
        sku=SKU,
        location=PLACE,
        count_id=count_id,
        cause_event_id=str(UUID(int=cause)),
        counted=quantity,
        expected=expected,
        delta=delta,
    )


def discrepancy(quantity: int, *, cause: int = 1) -> DiscrepancyFound:
    return DiscrepancyFound(
        sku=SKU, location=PLACE, quantity=quantity, cause_event_id=str(UUID(int=cause))
    )


def reserved(
    reservation_id: str, quantity: int, *, until: int = NEVER, backorder_limit: int = 0
) -> StockReserved:
    return StockReserved(
        sku=SKU,
        location=PLACE,
        reservation_id=reservation_id,
        quantity=quantity,
        expires_at=minute(until),
        backorder_limit=backorder_limit,
    )


def released(reservation_id: str, quantity: int) -> ReservationReleased:
    return ReservationReleased(
        sku=SKU, location=PLACE, reservation_id=reservation_id, quantity=quantity
    )


def expired(reservation_id: str, quantity: int) -> ReservationExpired:
    return ReservationExpired(
        sku=SKU, location=PLACE, reservation_id=reservation_id, quantity=quantity
    )


def committed(order_id: str, quantity: int, *, line: int = 1) -> StockCommitted:
    return StockCommitted(sku=SKU, location=PLACE, order_id=order_id, line=line, quantity=quantity)


def uncommitted(order_id: str, quantity: int, *, line: int = 1) -> CommitmentReleased:
    return CommitmentReleased(
        sku=SKU, location=PLACE, order_id=order_id, line=line, quantity=quantity
    )


def shipped(quantity: int, *, reservation: str | None = None) -> StockShipped:
    return StockShipped(sku=SKU, location=PLACE, quantity=quantity, reservation_id=reservation)


def shipped_line(order_id: str, quantity: int, *, line: int = 1) -> StockShipped:
    return StockShipped(
        sku=SKU,
        location=PLACE,
        quantity=quantity,
        order_id=order_id,
        line=line,
        unit_price_micros=0,
        currency="XXX",
    )


def returned(quantity: int, to: Disposition = "stock") -> StockReturned:
    return StockReturned(sku=SKU, location=PLACE, quantity=quantity, to=to)


def shortfall(uncovered: int, *promises: UncoveredPromise) -> ShortfallStated:
    return ShortfallStated(sku=SKU, location=PLACE, uncovered=uncovered, promises=promises)


def lost_reservation(reservation_id: str, uncovered: int) -> UncoveredPromise:
    return UncoveredPromise(kind="reservation", id=reservation_id, uncovered=uncovered)


def lost_order(order_id: str, uncovered: int, *, line: int = 1) -> UncoveredPromise:
    return UncoveredPromise(kind="order", id=order_id, line=line, uncovered=uncovered)


def wanted(line: int, quantity: int, *, sku: str = SKU, place: str = PLACE) -> OrderLine:
    return OrderLine(line=line, sku=sku, location=place, quantity=quantity)


def placed(order_id: str, *lines: OrderLine) -> OrderPlaced:
    return OrderPlaced(order_id=order_id, lines=lines)


def parcel(line: int, quantity: int) -> ShippedLine:
    return ShippedLine(line=line, quantity=quantity)
