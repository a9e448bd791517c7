"""Transfers and moves: units leave one place, are on their way, and come to another."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    ArrivedLine,
    Remainder,
    StockArrived,
    StockDispatched,
    StockMovedIn,
    StockMovedOut,
    TransferCancelled,
    TransferClosed,
    TransferDispatched,
    TransferReceived,
)
from domain.promises import reserve
from domain.refusals import Refusal, UnknownItem, UnknownLocation
from domain.refusals_transfers import (
    ExceedsTransfer,
    SameLocation,
    TooFewToMove,
    TransferExists,
    TransferLineRepeated,
    TransferReceiptExists,
    TransferState,
    UnknownTransfer,
    UnknownTransferLine,
)
from domain.streams import stock_stream
from tests.builders import NEVER, minute
from tests.supply import BIN, HALL, SHOP, SKUS, TR, Decided, Supply, some, units, wanted

A, B = SKUS
DUE: dict[str, Any] = {"sku": A, "location": SHOP, "source": "transfer", "source_id": TR, "line": 1}
LEG: dict[str, Any] = {"sku": A, "transfer_id": TR, "line": 1}


@pytest.fixture
def supply() -> Supply:
    """Eight of twenty in the hall are to go to the shop."""
    supply = Supply()
    supply.stock_up(A, HALL, 20)
    supply.record(supply.plan(wanted(1, 8)))
    return supply


@pytest.fixture
def travelling(supply: Supply) -> Supply:
    supply.record(supply.dispatch())
    return supply


def quantities(supply: Supply) -> tuple[int, int, int]:
    """On hand at the origin, in transit, on hand at the destination."""
    there = supply.stock(A, SHOP)
    return supply.stock(A, HALL).on_hand, there.in_transit, there.on_hand


def test_a_transfer_that_is_planned_moves_and_promises_nothing(supply: Supply) -> None:
    assert quantities(supply) == (20, 0, 0)
    assert supply.stock(A, HALL).available == 20


def test_what_is_dispatched_is_in_transit_at_the_destination(supply: Supply) -> None:
    assert supply.record(supply.dispatch()) == [
        TransferDispatched(transfer_id=TR, lines=(units(1, 8),)),
        StockDispatched(**LEG, location=HALL, quantity=8, destination=SHOP),
        ArrivalExpected(**DUE, quantity=8),
    ]
    assert quantities(supply) == (12, 8, 0)
    assert supply.sent().status == "in_transit"


def test_an_arrival_in_parts_leaves_the_rest_in_transit(travelling: Supply) -> None:
    assert travelling.record(travelling.arrive("r1", some(1, 5))) == [
        TransferReceived(transfer_id=TR, receipt_id="r1", lines=(ArrivedLine(line=1, quantity=5),)),
        StockArrived(**LEG, location=SHOP, quantity=5, origin=HALL),
        ArrivalClosed(**DUE, quantity=5, outcome="received"),
    ]
    assert quantities(travelling) == (12, 3, 5)
    assert travelling.sent().status == "partly_received"
    travelling.record(travelling.arrive("r2", some(1, 3)))
    assert quantities(travelling) == (12, 0, 8)
    assert travelling.sent().status == "received"


def test_more_than_was_sent_is_over_and_on_hand(travelling: Supply) -> None:
    received, *facts = travelling.record(travelling.arrive("r1", some(1, 9)))
    assert received == TransferReceived(
        transfer_id=TR, receipt_id="r1", lines=(ArrivedLine(line=1, quantity=9, over=1),)
    )
    assert facts[-1] == ArrivalClosed(**DUE, quantity=8, outcome="received")
    assert quantities(travelling) == (12, 0, 9)


@pytest.mark.parametrize(("rest", "after"), [("lost", (12, 0, 5)), ("returned", (15, 0, 5))])
def test_closing_says_what_became_of_the_rest(
    travelling: Supply, rest: Remainder, after: tuple[int, int, int]
) -> None:
    travelling.record(travelling.arrive("r1", some(1, 5)))
    closed, *facts = travelling.record(travelling.close_transfer(rest))
    assert closed == TransferClosed(transfer_id=TR, rest=rest, missing=(units(1, 3),))
    back = StockArrived(**LEG, location=HALL, quantity=3, origin=SHOP)
    gone = ArrivalClosed(**DUE, quantity=3, outcome=rest)
    assert facts == ([back, gone] if rest == "returned" else [gone])
    assert quantities(travelling) == after


def test_a_transfer_cancelled_before_it_left_touches_no_stock(supply: Supply) -> None:
    before = supply.stock(A, HALL)
    assert supply.record(supply.cancel_transfer()) == [TransferCancelled(transfer_id=TR)]
    assert supply.stock(A, HALL) == before
    assert supply.stock(A, SHOP).version == 0


def test_a_transfer_goes_each_step_once(travelling: Supply) -> None:
    sent: dict[str, Any] = {"transfer_id": TR, "status": "in_transit"}
    assert travelling.dispatch() == TransferState(**sent, wanted="dispatched")
    travelling.record(travelling.arrive("r1", some(1, 5)))
    again = travelling.arrive("r1", some(1, 5))
    assert again == TransferReceiptExists(transfer_id=TR, receipt_id="r1")
    travelling.record(travelling.close_transfer("returned"))
    for command in (travelling.close_transfer("returned"), travelling.cancel_transfer()):
        assert isinstance(command, TransferState)
    assert quantities(travelling) == (15, 0, 5)


def test_only_what_nobody_was_promised_can_be_dispatched(supply: Supply) -> None:
    (shelf,) = supply.shelves([stock_stream(A, HALL)]).values()
    supply.record(reserve(shelf, "r", 13, minute(NEVER), supply.occasion()))
    assert supply.dispatch() == TooFewToMove(sku=A, location=HALL, requested=8, available=7, line=1)
    supply.record(supply.dispatch(some(1, 7)))
    assert quantities(supply) == (13, 7, 0)
    assert supply.sent().lines[0].quantity == 8


def test_two_lines_of_one_item_are_checked_on_their_sum() -> None:
    supply = Supply()
    supply.stock_up(A, HALL, 10)
    supply.record(supply.plan(wanted(1, 6), wanted(2, 6)))
    assert supply.dispatch() == TooFewToMove(
        sku=A, location=HALL, requested=12, available=10, line=1
    )
    supply.record(supply.dispatch(some(1, 6), some(2, 4)))
    supply.record(supply.arrive("r", some(2, 4)))
    assert supply.sent().in_transit == (units(1, 6),)
    assert quantities(supply) == (0, 6, 4)


REFUSED: list[tuple[Callable[[Supply], Decided], Refusal]] = [
    (lambda s: s.dispatch(transfer_id="no"), UnknownTransfer(transfer_id="no")),
    (lambda s: s.arrive("r", some(1, 1), transfer_id="no"), UnknownTransfer(transfer_id="no")),
    (lambda s: s.close_transfer("lost", "no"), UnknownTransfer(transfer_id="no")),
    (lambda s: s.cancel_transfer("no"), UnknownTransfer(transfer_id="no")),
    (lambda s: s.plan(wanted(1, 1)), TransferExists(transfer_id=TR)),
    (
        lambda s: s.plan(wanted(1, 1), destination=HALL, transfer_id="t2"),
        SameLocation(location=HALL),
    ),
    (
        lambda s: s.plan(wanted(1, 1), destination="nowhere", transfer_id="t2"),
        UnknownLocation(location="nowhere", line=1),
    ),
    (
        lambda s: s.plan(wanted(1, 1, "C-3"), wanted(2, 1, "D-4"), transfer_id="t2"),
        UnknownItem(sku="C-3", line=1, also=(UnknownItem(sku="D-4", line=2),)),
    ),
    (
        lambda s: s.plan(wanted(1, 1), wanted(1, 2), transfer_id="t2"),
        TransferLineRepeated(transfer_id="t2", line=1),
    ),
    (
        lambda s: s.dispatch(some(1, 1), some(1, 1)),
        TransferLineRepeated(transfer_id=TR, line=1),
    ),
    (lambda s: s.dispatch(some(5, 1)), UnknownTransferLine(transfer_id=TR, line=5)),
    (
        lambda s: s.dispatch(some(1, 9)),
        ExceedsTransfer(transfer_id=TR, line=1, requested=9, wanted=8),
    ),
    (
        lambda s: s.arrive("r", some(1, 1)),
        TransferState(transfer_id=TR, status="placed", wanted="received"),
    ),
    (
        lambda s: s.close_transfer("lost"),
        TransferState(transfer_id=TR, status="placed", wanted="closed"),
    ),
]


@pytest.mark.parametrize(("command", "refusal"), REFUSED)
def test_what_makes_no_sense_is_refused(
    supply: Supply, command: Callable[[Supply], Decided], refusal: Refusal
) -> None:
    assert command(supply) == refusal


def test_an_arrival_names_lines_that_the_transfer_has(travelling: Supply) -> None:
    assert travelling.arrive("r", some(4, 1)) == UnknownTransferLine(transfer_id=TR, line=4)
    repeated = travelling.arrive("r", some(1, 1), some(1, 1))
    assert repeated == TransferLineRepeated(transfer_id=TR, line=1)


def test_what_has_partly_arrived_is_closed_not_cancelled(travelling: Supply) -> None:
    travelling.record(travelling.arrive("r", some(1, 1)))
    refused = travelling.cancel_transfer()
    assert isinstance(refused, TransferState)
    assert refused.sentence() == (
        "Transfer tr is partly received: close it, and what has not arrived returns to the origin."
    )


def test_a_put_away_leaves_the_dock_and_comes_into_the_bin() -> None:
    supply = Supply()
    supply.stock_up(A, HALL, 5)
    assert supply.record(supply.move(A, HALL, BIN, 3)) == [
        StockMovedOut(sku=A, location=HALL, quantity=3, move_id="m", destination=BIN),
        StockMovedIn(sku=A, location=BIN, quantity=3, move_id="m", origin=HALL),
    ]
    assert (supply.stock(A, HALL).on_hand, supply.stock(A, BIN).on_hand) == (2, 3)


@pytest.mark.parametrize(
    ("sku", "destination", "quantity", "refusal"),
    [
        (A, HALL, 1, SameLocation(location=HALL)),
        (A, "nowhere", 1, UnknownLocation(location="nowhere")),
        ("C-3", BIN, 1, UnknownItem(sku="C-3")),
        (A, BIN, 6, TooFewToMove(sku=A, location=HALL, requested=6, available=5)),
        (B, BIN, 1, TooFewToMove(sku=B, location=HALL, requested=1, available=0)),
    ],
)
def test_a_move_that_cannot_be_is_refused(
    sku: str, destination: str, quantity: int, refusal: Refusal
) -> None:
    supply = Supply()
    supply.stock_up(A, HALL, 5)
    assert supply.move(sku, HALL, destination, quantity) == refusal
