"""Receipts, adjustments, counts and returns, dated in the order in which they are recorded."""

from dataclasses import replace

import pytest

from domain.events import Event
from domain.refusals import (
    CountExists,
    InsufficientStock,
    ItemDiscontinuedAlready,
    Refusal,
    UnknownItem,
    UnknownLocation,
    UnknownOrder,
)
from domain.stock_facts import accept_return, adjust, count, receive
from domain.values import Facts
from tests.builders import (
    PLACE,
    SKU,
    adjusted,
    at,
    counted,
    discrepancy,
    happened,
    minute,
    occasion,
    received,
    returned,
    shelf,
    shipped,
    shortfall,
    stock,
)

EMPTY = shelf()
NO_ITEM = replace(EMPTY, item=None)
NO_LOCATION = replace(EMPTY, location=None)
NEITHER = replace(EMPTY, item=None, location=None)
ENDED = shelf(received(5), discontinued_at=10)


@pytest.mark.parametrize(
    ("decided", "refusal"),
    [
        (receive(NEITHER, 1, occasion()), UnknownItem(sku=SKU)),
        (receive(NO_LOCATION, 1, occasion()), UnknownLocation(location=PLACE)),
        (
            receive(ENDED, 1, occasion(10)),
            ItemDiscontinuedAlready(sku=SKU, discontinued_at=minute(10)),
        ),
        (adjust(NEITHER, 1, "found", occasion()), UnknownItem(sku=SKU)),
        (adjust(NO_LOCATION, 1, "found", occasion()), UnknownLocation(location=PLACE)),
        (count(NEITHER, "c", 1, occasion()), UnknownItem(sku=SKU)),
        (count(NO_LOCATION, "c", 1, occasion()), UnknownLocation(location=PLACE)),
        (
            count(shelf(counted("c", 1, expected=0)), "c", 2, occasion()),
            CountExists(count_id="c", sku=SKU, location=PLACE),
        ),
        (accept_return(NEITHER, 1, occasion(), order_id="o"), UnknownItem(sku=SKU)),
        (accept_return(NO_LOCATION, 1, occasion()), UnknownLocation(location=PLACE)),
        (accept_return(EMPTY, 1, occasion(), order_id="o"), UnknownOrder(order_id="o")),
    ],
)
def test_a_fact_is_refused_only_for_what_it_names(
    decided: Facts | Refusal, refusal: Refusal
) -> None:
    assert decided == refusal


@pytest.mark.parametrize(
    ("decided", "events"),
    [
        (receive(EMPTY, 5, occasion()), [received(5)]),
        (adjust(shelf(received(5)), -5, "lost", occasion()), [adjusted(-5, "lost")]),
        (count(shelf(received(5)), "c", 3, occasion()), [counted("c", 3, expected=5)]),
        (count(shelf(received(5)), "c", 5, occasion()), [counted("c", 5, expected=5)]),
        (accept_return(EMPTY, 2, occasion()), [returned(2)]),
        (accept_return(EMPTY, 2, occasion(), to="damaged"), [returned(2, "damaged")]),
    ],
)
def test_a_fact_is_recorded_as_it_happened(decided: Facts | Refusal, events: list[Event]) -> None:
    assert happened(decided) == events


@pytest.mark.parametrize(
    "decided",
    [
        receive(ENDED, 1, occasion(9, now=20)),
        adjust(ENDED, -1, "lost", occasion(20)),
        count(ENDED, "c", 3, occasion(20)),
        accept_return(ENDED, 1, occasion(20)),
    ],
    ids=["a receipt dated before the end", "an adjustment", "a count", "a return"],
)
def test_a_discontinued_item_still_takes(decided: Facts | Refusal) -> None:
    assert len(happened(decided)) == 1


def test_losing_more_than_is_on_hand_finds_the_missing_units_first() -> None:
    decided = adjust(shelf(received(5)), -8, "lost", occasion(3))
    assert happened(decided) == [discrepancy(3), adjusted(-8, "lost")]


def test_a_discrepancy_is_dated_when_on_hand_last_moved() -> None:
    known = shelf(at(1, received(10)), at(7, shipped(8)))
    decided = adjust(known, -5, "lost", occasion(3, now=9))
    assert not isinstance(decided, Refusal)
    assert [fact.occurred_at for fact in decided] == [minute(7), minute(3)]


def test_what_came_back_damaged_is_on_hand_but_not_available() -> None:
    held = stock(received(2), returned(3, "damaged"))
    assert (held.on_hand, held.held, held.available) == (5, 3, 2)


DAMAGED = shelf(received(2), returned(3, "damaged"))


def test_damaged_units_are_written_off_and_held_no_more() -> None:
    gone = adjusted(-3, "scrapped", "damaged")
    decided = adjust(DAMAGED, -3, "scrapped", occasion(), condition="damaged")
    assert happened(decided) == [gone]
    left = stock(received(2), returned(3, "damaged"), gone)
    assert (left.on_hand, left.held, left.available) == (2, 0, 2)


def test_no_more_damaged_units_are_written_off_than_are_held() -> None:
    refusal = InsufficientStock(sku=SKU, location=PLACE, requested=4, available=3, held=3)
    assert adjust(DAMAGED, -4, "scrapped", occasion(), condition="damaged") == refusal
    assert refusal.sentence().endswith("3 are held.")
    assert happened(adjust(DAMAGED, -4, "lost", occasion())) == [
        adjusted(-4, "lost"),
        shortfall(2),
    ]


def test_damaged_units_are_found_as_held() -> None:
    found = stock(received(2), adjusted(3, "found", "damaged"))
    assert (found.on_hand, found.held, found.available) == (5, 3, 2)
