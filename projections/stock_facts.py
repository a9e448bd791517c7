"""Stock events as read models need them: decoded once, into one small type, with what they move.

`domain.quantities.deltas` says what an event moves; this says the same for one decoder of all
stock types, several times as fast. A test holds the two together, for every type there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated, NamedTuple

import msgspec

from eventlog.codec import decode
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError
from eventlog.upcasters import stored_names
from projections.reading import UNREADABLE

# Lua counts in doubles, exactly up to here; a batch's sum stays far below 64 bits as well.
UNITS_MAX = 2**53 - 1
Units = Annotated[int, msgspec.Meta(ge=-UNITS_MAX, le=UNITS_MAX)]
Micros = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Move = tuple[int, int, int, int, int]
"""Units by which on hand, reserved, committed, picked and held change."""


class StockFact(msgspec.Struct, gc=False, kw_only=True):
    """Every field a read model takes from a stock event, or its default where the type has none."""

    sku: str
    location: str
    quantity: Units = 0
    delta: Units = 0
    counted: Units = 0
    expected: Units = 0
    uncovered: Units = 0
    to: str = "stock"
    condition: str = "stock"
    order_id: str | None = None
    line: Micros | None = None
    reservation_id: str | None = None
    hold_id: str | None = None
    count_id: str = ""
    reason: str = ""
    document: str = ""
    unit_price_micros: Micros | None = None
    currency: str | None = None


def _arrived(fact: StockFact) -> Move:
    return fact.quantity, 0, 0, 0, 0


def _adjusted(fact: StockFact) -> Move:
    return fact.delta, 0, 0, 0, fact.delta if fact.condition == "damaged" else 0


def _restated(fact: StockFact) -> Move:
    return fact.delta, 0, 0, 0, 0


def _counted(fact: StockFact) -> Move:
    return fact.counted - fact.expected, 0, 0, 0, 0


def _reserved(fact: StockFact) -> Move:
    return 0, fact.quantity, 0, 0, 0


def _unreserved(fact: StockFact) -> Move:
    return 0, -fact.quantity, 0, 0, 0


def _committed(fact: StockFact) -> Move:
    return 0, 0, fact.quantity, 0, 0


def _uncommitted(fact: StockFact) -> Move:
    return 0, 0, -fact.quantity, 0, 0


def _shipped(fact: StockFact) -> Move:
    units = -fact.quantity
    reserved = 0 if fact.reservation_id is None else units
    return units, reserved, 0 if fact.order_id is None else units, 0, 0


def _returned(fact: StockFact) -> Move:
    return fact.quantity, 0, 0, 0, fact.quantity if fact.to == "damaged" else 0


def _left(fact: StockFact) -> Move:
    return -fact.quantity, 0, 0, 0, 0


def _picked(fact: StockFact) -> Move:
    return 0, 0, -fact.quantity, fact.quantity, 0


def _unpicked(fact: StockFact) -> Move:
    return 0, 0, fact.quantity, -fact.quantity, 0


def _picked_shipped(fact: StockFact) -> Move:
    return -fact.quantity, 0, 0, -fact.quantity, 0


def _held(fact: StockFact) -> Move:
    return 0, 0, 0, 0, fact.quantity


def _unheld(fact: StockFact) -> Move:
    return 0, 0, 0, 0, -fact.quantity


def _written_off(fact: StockFact) -> Move:
    units = -fact.quantity
    return units, 0, 0, 0, 0 if fact.hold_id is None else units


def _stated(_: StockFact) -> Move:
    return 0, 0, 0, 0, 0


ADJUSTED = "stock.adjusted.v2"
SHORTFALL_STATED = "stock.shortfall_stated.v1"
COUNTED = "stock.counted.v1"
SHIPPED = "stock.shipped.v1"
RETURNED = "stock.returned.v1"
MOVES: Mapping[str, Callable[[StockFact], Move]] = {
    "stock.received.v1": _arrived,
    ADJUSTED: _adjusted,
    COUNTED: _counted,
    "stock.count_restated.v1": _restated,
    "stock.discrepancy_found.v1": _arrived,
    "stock.reserved.v1": _reserved,
    "stock.reservation_released.v1": _unreserved,
    "stock.reservation_expired.v1": _unreserved,
    "stock.committed.v1": _committed,
    "stock.commitment_released.v1": _uncommitted,
    SHIPPED: _shipped,
    RETURNED: _returned,
    SHORTFALL_STATED: _stated,
    "stock.reservation_extended.v1": _stated,
    "stock.picked.v1": _picked,
    "stock.unpicked.v1": _unpicked,
    "stock.picked_shipped.v1": _picked_shipped,
    "stock.held.v1": _held,
    "stock.hold_released.v1": _unheld,
    "stock.written_off.v1": _written_off,
    "stock.arrival_expected.v1": _stated,
    "stock.arrival_closed.v1": _stated,
    "stock.backordered.v1": _stated,
    "stock.backorder_closed.v1": _stated,
    "stock.moved_out.v1": _left,
    "stock.moved_in.v1": _arrived,
    "stock.dispatched.v1": _left,
    "stock.arrived.v1": _arrived,
    "stock.consumed.v1": _left,
    "stock.produced.v1": _arrived,
    "stock.traced.v1": _stated,
}
_decode = msgspec.json.Decoder(StockFact).decode


class StockRule(NamedTuple):
    """How to read one stored type: its name today, its decoder, what it moves."""

    type: str
    decode: Callable[[bytes], StockFact]
    move: Callable[[StockFact], Move]


def _rule(stored: str, current: str) -> StockRule:
    if stored == current:
        return StockRule(current, _decode, MOVES[current])
    return StockRule(current, partial(_decode_older, stored), MOVES[current])


def _decode_older(stored: str, data: bytes) -> StockFact:
    return msgspec.convert(decode(stored, data), StockFact, from_attributes=True)


RULES: Mapping[str, StockRule] = {
    stored: _rule(stored, current) for stored, current in stored_names(MOVES).items()
}
STOCK_TYPES = frozenset(RULES)


def read_stock(event: RecordedEvent, rule: StockRule) -> StockFact:
    """The fact of an event, by the rule of its type. Raises `PoisonEventError`."""
    try:
        return rule.decode(event.data)
    except UNREADABLE as error:
        raise PoisonEventError(event, error) from error


def stock_facts(
    events: Iterable[RecordedEvent], rules: Mapping[str, StockRule] = RULES
) -> Iterator[tuple[RecordedEvent, StockRule, StockFact]]:
    """Those of `events` that are about stock, decoded, in order. Raises `PoisonEventError`."""
    rule_of = rules.get
    for event in events:
        rule = rule_of(event.type)
        if rule is not None:
            yield event, rule, read_stock(event, rule)
