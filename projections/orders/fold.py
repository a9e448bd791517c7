"""An order as its events leave it: pure; rows come in as they were and go out as they are."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

import msgspec

from domain.events import (
    ChargeRecorded,
    OrderAllocated,
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderShipped,
)
from eventlog.codec import EVENT_TYPES
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError
from eventlog.upcasters import stored_names
from projections.orders.progress import Line, Row, advance, terms_of
from projections.reading import read

ORDER_TYPES = tuple(name for name in EVENT_TYPES if name.startswith("order."))
ORDER_STORED = frozenset(stored_names(ORDER_TYPES))
CHARGE_STORED = frozenset(stored_names(["charge.recorded.v1"]))
OrderKey = tuple[str, str]
"""(ledger, order id)"""
OrderFact = tuple[RecordedEvent, OrderEvent]
ChargeFact = tuple[RecordedEvent, ChargeRecorded]


Order = Row


def order_facts(events: Iterable[RecordedEvent]) -> list[OrderFact]:
    """The order events among `events`. Raises `PoisonEventError`."""
    found: list[OrderFact] = []
    for event in events:
        if event.type in ORDER_STORED:
            fact = read(event)
            assert isinstance(fact, OrderEvent)
            found.append((event, fact))
    return found


def charge_facts(events: Iterable[RecordedEvent]) -> list[ChargeFact]:
    """The charges among `events`. Raises `PoisonEventError`."""
    found: list[ChargeFact] = []
    for event in events:
        if event.type in CHARGE_STORED:
            fact = read(event)
            assert isinstance(fact, ChargeRecorded)
            found.append((event, fact))
    return found


def placed_earlier(facts: Iterable[OrderFact]) -> list[OrderKey]:
    """Orders that the facts change without placing them first: their rows must be read."""
    placed: set[OrderKey] = set()
    earlier: dict[OrderKey, None] = {}
    for event, fact in facts:
        key = (event.ledger, fact.order_id)
        if isinstance(fact, OrderPlaced):
            placed.add(key)
        elif key not in placed:
            earlier[key] = None
    return list(earlier)


def fold(rows: MutableMapping[OrderKey, Order], facts: Iterable[OrderFact]) -> None:
    """Change `rows` by the facts, in order. Raises `PoisonEventError` where a row is missing."""
    for event, fact in facts:
        key = (event.ledger, fact.order_id)
        if isinstance(fact, OrderPlaced):
            rows[key] = _placed(event, fact)
            continue
        order = rows.get(key)
        if order is None:
            raise PoisonEventError(event, f"order {fact.order_id!r} was never placed")
        if not order.progress and _is_plain(fact):
            _change(order, event, fact)
        else:
            advance(order, event, fact)
        order.position = event.ledger_position
        order.recorded_at = event.recorded_at


def _placed(event: RecordedEvent, fact: OrderPlaced) -> Order:
    lines = [
        Line(
            line=line.line,
            sku=line.sku,
            location=line.location,
            quantity=line.quantity,
            unit_price_micros=line.unit_price_micros,
            is_kit=line.is_kit or msgspec.UNSET,
            part_of=line.part_of or msgspec.UNSET,
        )
        for line in fact.lines
    ]
    return Order(
        tenant=event.tenant,
        ledger=event.ledger,
        order_id=fact.order_id,
        status="placed",
        customer=fact.customer,
        currency=fact.currency,
        placed_at=event.occurred_at,
        units=sum(line.quantity for line in fact.lines if not line.is_kit),
        total_micros=sum(line.quantity * line.unit_price_micros for line in lines),
        lines=lines,
        progress=terms_of(fact),
        placed_position=event.ledger_position,
        position=event.ledger_position,
        recorded_at=event.recorded_at,
    )


def _is_plain(fact: OrderEvent) -> bool:
    """What an order without any progress shows by its status and lines alone."""
    if isinstance(fact, OrderShipped):
        return fact.shipment_id is None and not fact.parcels
    return isinstance(fact, OrderAllocated | OrderCancelled)


def _change(order: Order, event: RecordedEvent, fact: OrderEvent) -> None:
    match fact:
        case OrderAllocated():
            order.status = "allocated"
        case OrderShipped():
            _ship(order, event, fact)
        case OrderCancelled():
            order.status = "cancelled"
            order.cancelled_at = event.occurred_at
            order.cancel_reason = fact.reason


def _ship(order: Order, event: RecordedEvent, fact: OrderShipped) -> None:
    lines = {line.line: line for line in order.lines}
    for shipped in fact.lines:
        if shipped.line not in lines:
            raise PoisonEventError(event, f"order {order.order_id!r} has no line {shipped.line}")
        lines[shipped.line].shipped += shipped.quantity
    whole = all(line.shipped >= line.quantity for line in order.lines if not line.is_kit)
    order.status = "shipped" if whole else "partly_shipped"
    order.shipped_at = event.occurred_at
