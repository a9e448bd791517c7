"""Purchases: expected once approved, received in parts, and settled unit by unit."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.events import (
    ArrivalClosed,
    ArrivalExpected,
    PurchaseApproved,
    PurchaseCancelled,
    PurchaseClosed,
    PurchaseReceived,
    ReceivedLine,
    StockReceived,
)
from domain.refusals import ItemDiscontinuedAlready, Refusal, UnknownItem, UnknownLocation
from domain.refusals_purchases import (
    LessThanSettled,
    PurchaseExists,
    PurchaseLineRepeated,
    PurchaseReceiptExists,
    PurchaseState,
    UnknownPurchase,
    UnknownPurchaseLine,
)
from tests.builders import item, minute
from tests.supply import (
    HALL,
    MONDAY,
    PO,
    SHOP,
    SKUS,
    TUESDAY,
    Decided,
    Supply,
    came,
    ordered,
    units,
)

A, B = SKUS
DUE: dict[str, Any] = {"sku": A, "location": HALL, "source": "purchase", "source_id": PO, "line": 1}


@pytest.fixture
def supply() -> Supply:
    """Ten of A are ordered for Monday, and approved."""
    supply = Supply()
    supply.record(supply.place(ordered(1, 10, on=MONDAY)))
    supply.record(supply.approve())
    return supply


def incoming(supply: Supply, sku: str = A) -> int:
    return supply.stock(sku, HALL).incoming


def test_a_purchase_is_incoming_from_its_approval_on() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 10, on=MONDAY), ordered(2, 3, B)))
    assert (incoming(supply), supply.bought().status) == (0, "placed")
    assert supply.record(supply.approve()) == [
        PurchaseApproved(purchase_id=PO),
        ArrivalExpected(**DUE, quantity=10, expected_on=MONDAY),
        ArrivalExpected(**DUE | {"sku": B, "line": 2}, quantity=3),
    ]
    assert (incoming(supply), incoming(supply, B), supply.bought().status) == (10, 3, "approved")
    assert supply.stock(A, HALL).on_hand == 0


def test_a_delivery_in_parts_closes_what_it_brings(supply: Supply) -> None:
    assert supply.record(supply.receive("d1", came(1, 4))) == [
        PurchaseReceived(
            purchase_id=PO, receipt_id="d1", lines=(ReceivedLine(line=1, accepted=4),)
        ),
        StockReceived(sku=A, location=HALL, quantity=4, document=PO),
        ArrivalClosed(**DUE, quantity=4, outcome="received"),
    ]
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (4, 6)
    assert supply.bought().status == "partly_received"
    supply.record(supply.receive("d2", came(1, 6)))
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (10, 0)
    assert supply.bought().status == "received"


def test_units_beyond_those_ordered_are_over_and_on_hand(supply: Supply) -> None:
    received, *facts = supply.record(supply.receive("d1", came(1, 13)))
    assert received == PurchaseReceived(
        purchase_id=PO, receipt_id="d1", lines=(ReceivedLine(line=1, accepted=13, over=3),)
    )
    assert facts[-1] == ArrivalClosed(**DUE, quantity=10, outcome="received")
    supply.record(supply.receive("d2", came(1, 2)))
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (15, 0)
    assert supply.bought().lines[0].accepted == 15


def test_rejected_units_are_expected_no_more_and_never_on_hand(supply: Supply) -> None:
    received, *facts = supply.record(supply.receive("d1", came(1, 7, rejected=2)))
    assert received == PurchaseReceived(
        purchase_id=PO,
        receipt_id="d1",
        lines=(ReceivedLine(line=1, accepted=7, rejected=2, reason="wet"),),
    )
    assert facts[-1] == ArrivalClosed(**DUE, quantity=2, outcome="rejected")
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (7, 1)


def test_rejected_units_that_were_never_ordered_close_nothing(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 9, rejected=5)))
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (9, 0)
    assert supply.record(supply.receive("d2", came(1, 0, rejected=1)))[1:] == []


def test_closing_takes_back_what_is_short(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 7)))
    assert supply.record(supply.close()) == [
        PurchaseClosed(purchase_id=PO, short=(units(1, 3),)),
        ArrivalClosed(**DUE, quantity=3, outcome="short"),
    ]
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (7, 0)
    assert supply.bought().status == "closed"


def test_cancelling_takes_back_exactly_what_is_still_expected(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 4)))
    assert supply.record(supply.cancel()) == [
        PurchaseCancelled(purchase_id=PO, withdrawn=(units(1, 6),)),
        ArrivalClosed(**DUE, quantity=6, outcome="cancelled"),
    ]
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (4, 0)


def test_a_purchase_that_was_never_approved_is_cancelled_without_a_trace_in_stock() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 10)))
    assert supply.record(supply.cancel()) == [PurchaseCancelled(purchase_id=PO)]
    assert supply.stock(A, HALL).version == 0


def test_a_change_before_the_approval_expects_nothing() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 10)))
    assert len(supply.record(supply.change(ordered(1, 4), ordered(2, 1, B)))) == 1
    supply.record(supply.approve())
    assert (incoming(supply), incoming(supply, B)) == (4, 1)


def test_a_change_moves_what_is_incoming_by_the_difference(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 4)))
    _, more, added = supply.record(supply.change(ordered(1, 12, on=MONDAY), ordered(2, 5, B)))
    assert more == ArrivalExpected(**DUE, quantity=2, expected_on=MONDAY)
    assert added == ArrivalExpected(**DUE | {"sku": B, "line": 2}, quantity=5)
    assert (incoming(supply), incoming(supply, B)) == (8, 5)
    _, fewer, gone = supply.record(supply.change(ordered(1, 9, on=MONDAY)))
    assert fewer == ArrivalClosed(**DUE, quantity=3, outcome="cancelled")
    assert gone == ArrivalClosed(**DUE | {"sku": B, "line": 2}, quantity=5, outcome="cancelled")
    assert (incoming(supply), incoming(supply, B)) == (5, 0)


def test_another_day_is_expected_anew(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 4)))
    assert supply.record(supply.change(ordered(1, 8, on=TUESDAY)))[1:] == [
        ArrivalClosed(**DUE, quantity=2, outcome="cancelled"),
        ArrivalClosed(**DUE, quantity=4, outcome="rescheduled"),
        ArrivalExpected(**DUE, quantity=4, expected_on=TUESDAY),
    ]
    assert incoming(supply) == 4


def test_a_change_down_to_what_came_leaves_nothing_to_receive(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 4)))
    supply.record(supply.change(ordered(1, 4, on=MONDAY)))
    assert (supply.bought().status, incoming(supply)) == ("received", 0)


def test_a_line_may_become_another_item_until_something_of_it_came(supply: Supply) -> None:
    supply.record(supply.change(ordered(1, 6, B)))
    assert (incoming(supply), incoming(supply, B)) == (0, 6)
    supply.record(supply.receive("d1", came(1, 1)))
    assert supply.change(ordered(1, 6, A)) == LessThanSettled(
        purchase_id=PO, line=1, sku=B, requested=0, settled=1
    )


def test_two_lines_of_one_item_share_a_stock() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 2, on=MONDAY), ordered(2, 3, on=TUESDAY)))
    supply.record(supply.approve())
    supply.record(supply.receive("d1", came(2, 3), came(1, 1)))
    assert (supply.stock(A, HALL).on_hand, incoming(supply)) == (4, 1)
    assert supply.bought().outstanding == (units(1, 1),)


REFUSED: list[tuple[Callable[[Supply], Decided], Refusal]] = [
    (lambda s: s.approve("no"), UnknownPurchase(purchase_id="no")),
    (lambda s: s.change(ordered(1, 1), purchase_id="no"), UnknownPurchase(purchase_id="no")),
    (lambda s: s.receive("d", came(1, 1), purchase_id="no"), UnknownPurchase(purchase_id="no")),
    (lambda s: s.close("no"), UnknownPurchase(purchase_id="no")),
    (lambda s: s.cancel("no"), UnknownPurchase(purchase_id="no")),
    (lambda s: s.place(ordered(1, 1)), PurchaseExists(purchase_id=PO)),
    (lambda s: s.approve(), PurchaseState(purchase_id=PO, status="approved", wanted="approved")),
    (
        lambda s: s.place(ordered(1, 1, "C-3"), ordered(2, 1, "D-4"), purchase_id="p2"),
        UnknownItem(sku="C-3", line=1, also=(UnknownItem(sku="D-4", line=2),)),
    ),
    (
        lambda s: s.place(ordered(1, 1), at="nowhere", purchase_id="p2"),
        UnknownLocation(location="nowhere", line=1),
    ),
    (
        lambda s: s.place(ordered(1, 1), supplier="nobody", purchase_id="p2"),
        UnknownLocation(location="nobody"),
    ),
    (
        lambda s: s.place(ordered(1, 1), ordered(1, 2), purchase_id="p2"),
        PurchaseLineRepeated(purchase_id="p2", line=1),
    ),
    (lambda s: s.change(ordered(1, 9), ordered(2, 1, "C-3")), UnknownItem(sku="C-3", line=2)),
    (
        lambda s: s.change(ordered(3, 9), ordered(3, 1)),
        PurchaseLineRepeated(purchase_id=PO, line=3),
    ),
    (lambda s: s.receive("d", came(7, 1)), UnknownPurchaseLine(purchase_id=PO, line=7)),
    (
        lambda s: s.receive("d", came(1, 1), came(1, 1)),
        PurchaseLineRepeated(purchase_id=PO, line=1),
    ),
]


@pytest.mark.parametrize(("command", "refusal"), REFUSED)
def test_what_makes_no_sense_is_refused(
    supply: Supply, command: Callable[[Supply], Decided], refusal: Refusal
) -> None:
    assert command(supply) == refusal


def test_a_supplier_is_a_location() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 1), supplier=SHOP))
    assert supply.bought().supplier == SHOP


def test_nothing_follows_from_a_state_that_it_does_not_follow_from() -> None:
    supply = Supply()
    supply.record(supply.place(ordered(1, 2)))
    state: dict[str, Any] = {"purchase_id": PO, "status": "placed"}
    assert supply.receive("d", came(1, 1)) == PurchaseState(**state, wanted="received")
    assert supply.close() == PurchaseState(**state, wanted="closed")
    supply.record(supply.approve())
    supply.record(supply.receive("d", came(1, 2)))
    state["status"] = "received"
    assert supply.change(ordered(1, 3)) == PurchaseState(**state, wanted="changed")
    assert supply.cancel() == PurchaseState(**state, wanted="cancelled")
    supply.record(supply.close())
    state["status"] = "closed"
    assert supply.receive("d2", came(1, 1)) == PurchaseState(**state, wanted="received")


def test_a_delivery_that_is_sent_twice_is_booked_once(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 4)))
    again = supply.receive("d1", came(1, 4))
    assert again == PurchaseReceiptExists(purchase_id=PO, receipt_id="d1")
    assert supply.stock(A, HALL).on_hand == 4


def test_what_came_cannot_be_changed_away(supply: Supply) -> None:
    supply.record(supply.receive("d1", came(1, 3, rejected=1)))
    short = LessThanSettled(purchase_id=PO, line=1, sku=A, requested=3, settled=4)
    assert supply.change(ordered(1, 3)) == short
    assert "only to 4 or more" in short.sentence()


def test_a_discontinued_item_is_neither_bought_nor_received(supply: Supply) -> None:
    supply.items[A] = item(A, discontinued_at=minute(2))
    ended = ItemDiscontinuedAlready(sku=A, discontinued_at=minute(2), line=1)
    assert supply.place(ordered(1, 1), purchase_id="p2") == ended
    assert supply.receive("d1", came(1, 1)) == ended
    supply.record(supply.receive("d1", came(1, 0, rejected=1)))
    supply.record(supply.cancel())
    assert incoming(supply) == 0
