"""What is told after something that it happened before: on hand is right at once, and below zero at
no position.
"""

from __future__ import annotations

from domain.events import Event
from domain.moving_stock import evolve
from domain.promises import ship
from domain.refusals import InsufficientStock, Refusal
from domain.shelf import Shelf
from domain.stock_facts import adjust, count, receive
from domain.values import Facts
from tests.builders import (
    PLACE,
    SKU,
    World,
    adjusted,
    at,
    counted,
    occasion,
    received,
    restated,
    shelf,
    shipped,
)


def told(known: Shelf, decided: Facts | Refusal) -> tuple[list[Event], int]:
    """What happens, and on hand after it; it was never below zero."""
    assert not isinstance(decided, Refusal), decided.sentence()
    state = known.stock
    for fact in decided:
        state = evolve(state, fact.event, fact.occurred_at)  # type: ignore[arg-type]
        assert state.on_hand >= 0
    return [fact.event for fact in decided], state.on_hand


def test_a_receipt_dated_before_an_existing_count_leaves_what_was_counted() -> None:
    """One was counted, elsewhere 42 were shown."""
    known = shelf(at(10, counted("c", 1, expected=0)))
    late = receive(known, 41, occasion(5, now=20))
    events = [received(41), restated("c", 1, expected=41, delta=-41)]
    assert told(known, late) == (events, 1)


def test_an_issue_dated_before_an_existing_count_leaves_what_was_counted() -> None:
    known = shelf(at(0, received(41)), at(10, counted("c", 40, expected=41)))
    late = ship(known, 1, occasion(5, now=20))
    events = [restated("c", 40, expected=40, delta=1), shipped(1)]
    assert told(known, late) == (events, 40)


def test_a_count_dated_before_a_sale_is_compared_with_its_own_instant() -> None:
    """11,000 are left of the 12,000 that were counted, elsewhere 9,000 were."""
    known = shelf(at(0, received(10_000)), at(20, shipped(1_000)), remember=True)
    late = count(known, "c", 12_000, occasion(10, now=30))
    assert told(known, late) == ([counted("c", 12_000, expected=10_000)], 11_000)


def test_an_issue_dated_before_its_receipt_takes_the_units_that_came() -> None:
    world = World()
    missing = InsufficientStock(sku=SKU, location=PLACE, requested=4, available=0)
    assert ship(world.shelf(), 4, occasion(5, now=10)) == missing
    world.record(receive(world.shelf(), 10, occasion(20)))
    for late, event, left in (
        (ship(world.shelf(), 4, occasion(5, now=30)), shipped(4), 6),
        (adjust(world.shelf(), -1, "damaged", occasion(4, now=30)), adjusted(-1), 9),
    ):
        assert told(world.shelf(), late) == ([event], left)
