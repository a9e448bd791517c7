"""What facts leave uncovered is said, by name, in the same command; and its end is said too."""

import pytest

from domain.events import Event
from domain.promises import release, reserve, ship
from domain.refusals import Refusal
from domain.stock_facts import adjust, count, receive
from domain.values import Facts
from tests.builders import (
    NEVER,
    adjusted,
    committed,
    counted,
    discrepancy,
    happened,
    lost_order,
    lost_reservation,
    minute,
    occasion,
    received,
    released,
    reserved,
    returned,
    shelf,
    shipped,
    shortfall,
)

PROMISED = (received(10), reserved("old", 4), committed("o", 3), reserved("new", 3))


def lose(units: int) -> Facts | Refusal:
    return adjust(shelf(*PROMISED), -units, "lost", occasion())


@pytest.mark.parametrize(
    ("units", "lost"),
    [
        (2, [lost_reservation("new", 2)]),
        (3, [lost_reservation("new", 3)]),
        (5, [lost_reservation("new", 3), lost_order("o", 2)]),
        (
            10,
            [lost_reservation("new", 3), lost_order("o", 3), lost_reservation("old", 4)],
        ),
    ],
)
def test_the_newest_promises_lose_first(units: int, lost: list[Event]) -> None:
    stated = shortfall(units, *lost)  # type: ignore[arg-type]
    assert happened(lose(units)) == [adjusted(-units, "lost"), stated]


def test_a_discrepancy_does_not_cover_promises() -> None:
    known = shelf(received(2), reserved("r", 2))
    assert happened(adjust(known, -5, "lost", occasion())) == [
        discrepancy(3),
        adjusted(-5, "lost"),
        shortfall(2, lost_reservation("r", 2)),
    ]


SHORT = (
    received(10),
    reserved("old", 6),
    reserved("new", 4),
    adjusted(-4),
    shortfall(4, lost_reservation("new", 4)),
)


@pytest.mark.parametrize(
    ("decided", "events"),
    [
        (receive(shelf(*SHORT), 9, occasion()), [received(9), shortfall(0)]),
        (
            receive(shelf(*SHORT), 3, occasion()),
            [received(3), shortfall(1, lost_reservation("new", 1))],
        ),
        (release(shelf(*SHORT).stock, "new", occasion()), [released("new", 4), shortfall(0)]),
        (release(shelf(*SHORT).stock, "old", occasion()), [released("old", 6), shortfall(0)]),
        (
            count(shelf(*SHORT), "c", 5, occasion()),
            [
                counted("c", 5, expected=6),
                shortfall(5, lost_reservation("new", 4), lost_reservation("old", 1)),
            ],
        ),
        (
            ship(shelf(*SHORT), 4, occasion(), reservation_id="new"),
            [shipped(4, reservation="new"), shortfall(4, lost_reservation("old", 4))],
        ),
        (
            ship(shelf(*SHORT), 6, occasion(), reservation_id="old"),
            [shipped(6, reservation="old")],
        ),
        (
            reserve(shelf(*SHORT, backorder_limit=5), "late", 1, minute(NEVER), occasion()),
            [reserved("late", 1, backorder_limit=5), shortfall(0)],
        ),
    ],
    ids=[
        "a receipt closes it",
        "a receipt makes it smaller",
        "the end of the uncovered promise closes it",
        "the end of a covered promise closes it",
        "a count makes it larger",
        "shipping the uncovered promise leaves another one uncovered",
        "shipping a covered promise changes nothing",
        "a backorder allowed since then covers it",
    ],
)
def test_a_shortfall_is_stated_whenever_it_changes(
    decided: Facts | Refusal, events: list[Event]
) -> None:
    assert happened(decided) == events


def test_an_accepted_backorder_is_no_shortfall() -> None:
    known = shelf(received(5), backorder_limit=3)
    assert happened(reserve(known, "r", 8, minute(NEVER), occasion())) == [
        reserved("r", 8, backorder_limit=3)
    ]
    backordered = shelf(received(5), reserved("r", 8, backorder_limit=3), backorder_limit=3)
    assert happened(adjust(backordered, -1, "lost", occasion())) == [
        adjusted(-1, "lost"),
        shortfall(1, lost_reservation("r", 1)),
    ]


def test_lost_damaged_goods_are_uncovered_although_nobody_was_promised_them() -> None:
    known = shelf(returned(2, "damaged"))
    assert happened(adjust(known, -2, "scrapped", occasion())) == [
        adjusted(-2, "scrapped"),
        shortfall(2),
    ]
