"""A stock's state is a fold, however it is folded: one by one, at once, or on from a snapshot."""

from datetime import datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.events import (
    CommitmentReleased,
    CountRestated,
    DiscrepancyFound,
    ReservationExpired,
    ReservationReleased,
    ShortfallStated,
    StockAdjusted,
    StockCommitted,
    StockCounted,
    StockEvent,
    StockReceived,
    StockReserved,
    StockReturned,
    StockShipped,
)
from domain.moving_stock import evolve, fold
from domain.stock import Stock
from tests.builders import PLACE, SKU, minute

SKUS = st.just(SKU)
PLACES = st.just(PLACE)
UNITS = st.integers(0, 9)
NAMES = st.sampled_from(["p", "q", "r"])
LINES = st.integers(1, 2)
INSTANTS = st.integers(0, 9).map(minute)
DISPOSITIONS = st.sampled_from(["stock", "damaged"])

# Any sequence, also one that no decision would have made: a fold takes what is recorded.
EVENTS = st.one_of(
    st.builds(StockReceived, sku=SKUS, location=PLACES, quantity=UNITS),
    st.builds(
        StockAdjusted,
        sku=SKUS,
        location=PLACES,
        delta=UNITS,
        reason=NAMES,
        condition=DISPOSITIONS,
    ),
    st.builds(
        StockCounted, sku=SKUS, location=PLACES, count_id=NAMES, counted=UNITS, expected=UNITS
    ),
    st.builds(
        CountRestated,
        sku=SKUS,
        location=PLACES,
        count_id=NAMES,
        cause_event_id=NAMES,
        counted=UNITS,
        expected=UNITS,
        delta=UNITS,
    ),
    st.builds(DiscrepancyFound, sku=SKUS, location=PLACES, quantity=UNITS, cause_event_id=NAMES),
    st.builds(
        StockReserved,
        sku=SKUS,
        location=PLACES,
        reservation_id=NAMES,
        quantity=UNITS,
        expires_at=INSTANTS,
        backorder_limit=UNITS,
    ),
    st.builds(ReservationReleased, sku=SKUS, location=PLACES, reservation_id=NAMES, quantity=UNITS),
    st.builds(ReservationExpired, sku=SKUS, location=PLACES, reservation_id=NAMES, quantity=UNITS),
    st.builds(
        StockCommitted,
        sku=SKUS,
        location=PLACES,
        order_id=NAMES,
        line=LINES,
        quantity=UNITS,
        backorder_limit=UNITS,
    ),
    st.builds(
        CommitmentReleased,
        sku=SKUS,
        location=PLACES,
        order_id=NAMES,
        line=LINES,
        quantity=UNITS,
    ),
    st.builds(StockShipped, sku=SKUS, location=PLACES, quantity=UNITS),
    st.builds(StockShipped, sku=SKUS, location=PLACES, quantity=UNITS, order_id=NAMES, line=LINES),
    st.builds(StockShipped, sku=SKUS, location=PLACES, quantity=UNITS, reservation_id=NAMES),
    st.builds(StockReturned, sku=SKUS, location=PLACES, quantity=UNITS, to=DISPOSITIONS),
    st.builds(ShortfallStated, sku=SKUS, location=PLACES, uncovered=UNITS),
)
LOGS = st.lists(st.tuples(EVENTS, INSTANTS), max_size=40)
EMPTY = Stock(sku=SKU, location=PLACE)


@given(LOGS, st.integers(0, 40))
def test_one_by_one_at_once_and_on_from_a_snapshot_are_the_same(
    log: list[tuple[StockEvent, datetime]], cut: int
) -> None:
    one_by_one = EMPTY
    for event, occurred_at in log:
        one_by_one = evolve(one_by_one, event, occurred_at)
    at_once = fold(EMPTY, log)
    stored = msgspec.json.encode(fold(EMPTY, log[:cut]))
    continued = fold(msgspec.json.decode(stored, type=Stock), log[cut:])
    assert one_by_one == at_once == continued
    # Maps compare equal in any order, but the order of promises decides who loses first.
    images = [msgspec.json.encode(stock) for stock in (one_by_one, at_once, continued)]
    assert images[0] == images[1] == images[2]


@given(LOGS, LOGS)
def test_a_fold_leaves_the_state_it_began_with_untouched(
    log: list[tuple[StockEvent, datetime]], more: list[tuple[StockEvent, datetime]]
) -> None:
    begun = fold(EMPTY, log)
    before = msgspec.json.encode(begun)
    fold(begun, more)
    assert msgspec.json.encode(begun) == before
    assert Stock(sku=SKU, location=PLACE) == EMPTY
