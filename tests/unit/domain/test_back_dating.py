"""Facts that become known late: the counted quantity stands, and on hand is never below zero."""

from datetime import datetime

import pytest

from domain.consignments import EVERYTHING
from domain.events import Event, StockEvent
from domain.moving_stock import evolve
from domain.order import LineState, Order
from domain.order import evolve as evolve_order
from domain.ordering import place
from domain.promises import ship
from domain.refusals import CountExists, Refusal
from domain.shelf import Shelf
from domain.shipping import ship as ship_order
from domain.stock import COUNTS_KEPT
from domain.stock_facts import accept_return, adjust, count, receive
from domain.stock_history import HistoryNeededError, StaleHistoryError, StockHistory
from domain.values import Facts
from tests.builders import (
    PLACE,
    SKU,
    Dated,
    adjusted,
    at,
    committed,
    counted,
    discrepancy,
    happened,
    lost_reservation,
    minute,
    occasion,
    placed,
    received,
    reserved,
    restated,
    returned,
    shelf,
    shipped,
    shipped_line,
    shortfall,
    stock,
    wanted,
)

COUNTED = (at(0, received(10)), at(10, counted("c", 8, expected=10)))
TWICE = (*COUNTED, at(20, counted("d", 6, expected=8)))


def after(known: Shelf, decided: Facts | Refusal) -> int:
    assert not isinstance(decided, Refusal)
    state = known.stock
    for fact in decided:
        state = evolve(state, fact.event, fact.occurred_at)  # type: ignore[arg-type]
    return state.on_hand


@pytest.mark.parametrize(
    ("decided", "events"),
    [
        (
            receive(shelf(*COUNTED), 5, occasion(4, now=30)),
            [received(5), restated("c", 8, expected=15, delta=-5)],
        ),
        (
            accept_return(shelf(*COUNTED), 5, occasion(4, now=30)),
            [returned(5), restated("c", 8, expected=15, delta=-5)],
        ),
        (
            adjust(shelf(*COUNTED), -3, "damaged", occasion(4, now=30)),
            [restated("c", 8, expected=7, delta=3), adjusted(-3)],
        ),
        (
            ship(shelf(*COUNTED), 3, occasion(4, now=30)),
            [restated("c", 8, expected=7, delta=3), shipped(3)],
        ),
        (
            adjust(shelf(*COUNTED), -30, "damaged", occasion(4, now=30)),
            [restated("c", 8, expected=-20, delta=30), adjusted(-30)],
        ),
        (
            receive(shelf(*TWICE), 5, occasion(4, now=30)),
            [received(5), restated("c", 8, expected=15, delta=-5)],
        ),
        (
            receive(shelf(*TWICE), 5, occasion(14, now=30)),
            [received(5), restated("d", 6, expected=13, delta=-5)],
        ),
        (receive(shelf(*TWICE), 5, occasion(24, now=30)), [received(5)]),
        (receive(shelf(*COUNTED), 5, occasion(10, now=30)), [received(5)]),
    ],
    ids=[
        "a receipt, then its restatement",
        "a return, then its restatement",
        "the restatement, then a loss",
        "the restatement, then a shipment",
        "a loss of more than was there, without a discrepancy",
        "of two later counts only the first",
        "between two counts the second",
        "after both counts none",
        "at the very instant of a count none: the count came first",
    ],
)
def test_a_fact_dated_before_a_count_is_offset_by_its_restatement(
    decided: Facts | Refusal, events: list[Event]
) -> None:
    assert happened(decided) == events


def test_a_restatement_is_dated_as_its_count_and_names_its_cause() -> None:
    decided = receive(shelf(*COUNTED), 5, occasion(4, now=30))
    assert not isinstance(decided, Refusal)
    fact, restatement = decided
    assert (fact.occurred_at, restatement.occurred_at) == (minute(4), minute(10))
    assert restatement.event == restated("c", 8, expected=15, delta=-5, cause=fact.event_id.int)


def test_restatements_of_one_count_build_on_each_other() -> None:
    known = shelf(*COUNTED, at(4, received(5)), at(10, restated("c", 8, expected=15, delta=-5)))
    decided = adjust(known, -2, "damaged", occasion(6, now=30))
    assert happened(decided) == [restated("c", 8, expected=13, delta=2), adjusted(-2)]
    assert after(known, decided) == 8


def test_a_count_dated_before_the_receipt_it_counts_expects_less_than_nothing() -> None:
    known = shelf(at(20, received(10)), at(5, shipped(4)), remember=True)
    decided = count(known, "c", 0, occasion(10, now=30))
    assert happened(decided) == [counted("c", 0, expected=-4)]
    assert after(known, decided) == 10


@pytest.mark.parametrize(
    ("found", "events"),
    [
        (7, [restated("c", 8, expected=7, delta=3), counted("b", 7, expected=10)]),
        (12, [counted("b", 12, expected=10), restated("c", 8, expected=12, delta=-2)]),
        (10, [counted("b", 10, expected=10)]),
    ],
    ids=["fewer", "more", "the same"],
)
def test_a_count_dated_before_another_count_restates_it(found: int, events: list[Event]) -> None:
    known = shelf(*COUNTED, remember=True)
    decided = count(known, "b", found, occasion(5, now=30))
    assert happened(decided) == events
    assert after(known, decided) == 8


def test_an_early_count_that_contradicts_later_shipments_finds_units_after_it() -> None:
    known = shelf(at(0, received(10)), at(20, shipped(8)), remember=True)
    decided = count(known, "c", 5, occasion(10, now=30))
    assert happened(decided) == [discrepancy(3), counted("c", 5, expected=10)]
    assert not isinstance(decided, Refusal)
    assert decided[0].occurred_at == minute(20)
    assert after(known, decided) == 0


def test_a_count_at_the_instant_of_the_last_movement_expects_what_is_on_hand() -> None:
    known = shelf(at(10, received(10)))
    decided = count(known, "c", 8, occasion(10, now=30))
    assert happened(decided) == [counted("c", 8, expected=10)]


def test_a_late_damaged_return_leaves_a_shortfall_although_the_count_stands() -> None:
    known = shelf(*COUNTED, at(11, reserved("r", 8)))
    decided = accept_return(known, 2, occasion(4, now=30), to="damaged")
    assert happened(decided) == [
        returned(2, "damaged"),
        restated("c", 8, expected=12, delta=-2),
        shortfall(2, lost_reservation("r", 2)),
    ]


def test_both_lines_of_a_late_shipment_restate_the_count_one_upon_the_other() -> None:
    shelves = {"stock-A-1@WH": shelf(*COUNTED)}
    lines = (wanted(1, 2), wanted(2, 3))
    allocation = place(None, placed("o", *lines), shelves, occasion(4, now=30))
    assert not isinstance(allocation, Refusal)
    order = None
    state = shelves["stock-A-1@WH"].stock
    for fact in allocation:
        if fact.stream == "order-o":
            order = evolve_order(order, fact.event, fact.occurred_at)  # type: ignore[arg-type]
        else:
            state = evolve(state, fact.event, fact.occurred_at)  # type: ignore[arg-type]
    known = Shelf(
        stock=state,
        item=shelves["stock-A-1@WH"].item,
        location=shelves["stock-A-1@WH"].location,
    )
    decided = ship_order(order, "o", EVERYTHING, {"stock-A-1@WH": known}, occasion(4, now=30))
    assert happened(decided)[1:] == [
        restated("c", 8, expected=8, delta=2, cause=1),
        shipped_line("o", 2, line=1),
        restated("c", 8, expected=5, delta=3, cause=3),
        shipped_line("o", 3, line=2),
    ]


def many_counts() -> list[Dated]:
    """One more than a stock remembers; the first is dated minute 1."""
    facts: list[Dated] = [at(0, received(10))]
    return facts + [
        at(number, counted(f"c-{number}", 10, expected=10)) for number in range(1, COUNTS_KEPT + 2)
    ]


def test_a_stock_remembers_its_latest_counts_whatever_order_they_came_in() -> None:
    facts = many_counts()
    reordered = [facts[0], *reversed(facts[1:])]
    kept = [f"c-{number}" for number in range(2, COUNTS_KEPT + 2)]
    for known in (stock(*facts), stock(*reordered)):
        assert [count.count_id for count in known.counts] == kept
        assert known.counts_forgotten_until == minute(1)


@pytest.mark.parametrize(("when", "needed"), [(0, True), (1, False), (2, False)])
def test_history_is_needed_only_before_a_forgotten_count(when: int, needed: bool) -> None:
    assert stock(*many_counts()).needs_history(minute(when)) is needed


@pytest.mark.parametrize(("when", "needed"), [(16, True), (17, False), (18, False)])
def test_a_count_needs_history_only_before_the_last_movement(when: int, needed: bool) -> None:
    assert stock(*many_counts()).count_needs_history(minute(when)) is needed
    assert not stock().count_needs_history(minute(when))


def test_with_history_a_forgotten_count_is_restated_and_its_id_is_known() -> None:
    known = shelf(*many_counts(), remember=True)
    decided = receive(known, 5, occasion(0, now=30))
    assert happened(decided) == [received(5), restated("c-1", 10, expected=15, delta=-5)]
    assert isinstance(count(known, "c-1", 10, occasion(30)), CountExists)


def test_deciding_without_the_history_that_is_needed_fails_loudly() -> None:
    known = shelf(*many_counts())
    with pytest.raises(HistoryNeededError, match="stock-A-1@WH"):
        receive(known, 5, occasion(0, now=30))
    with pytest.raises(HistoryNeededError, match="stock-A-1@WH"):
        count(known, "late", 5, occasion(3, now=30))


def test_deciding_with_a_history_that_lags_behind_fails_loudly() -> None:
    known = shelf(*many_counts())
    lagging = StockHistory().then(many_counts()[:-1])
    with pytest.raises(StaleHistoryError, match="reaches version 17, its state 18"):
        receive(
            Shelf(stock=known.stock, item=known.item, location=known.location, history=lagging),
            5,
            occasion(0, now=30),
        )


def test_a_history_is_the_same_whether_built_at_once_or_event_by_event() -> None:
    events: list[tuple[StockEvent, datetime]] = [
        *many_counts(),
        at(0, received(5)),
        at(1, restated("c-1", 10, expected=15, delta=-5)),
    ]
    grown = StockHistory()
    for event in events:
        grown = grown.then([event])
    assert grown == StockHistory().then(events)
    assert grown.on_hand_at(minute(0)) == 15
    assert grown.on_hand_at(minute(1)) == 10


def test_with_history_both_lines_of_a_shipment_restate_a_forgotten_count() -> None:
    promised = (committed("o", 2, line=1), committed("o", 3, line=2))
    facts: tuple[StockEvent | Dated, ...] = (*many_counts(), *promised)
    known = shelf(*facts, remember=True)
    lines = tuple(
        LineState(line=line, sku=SKU, location=PLACE, quantity=quantity)
        for line, quantity in ((1, 2), (2, 3))
    )
    order = Order(order_id="o", status="allocated", lines=lines)
    decided = ship_order(order, "o", EVERYTHING, {known.stock.stream: known}, occasion(0, now=30))
    assert happened(decided)[1:] == [
        restated("c-1", 10, expected=8, delta=2, cause=1),
        shipped_line("o", 2, line=1),
        restated("c-1", 10, expected=5, delta=3, cause=3),
        shipped_line("o", 3, line=2),
    ]
