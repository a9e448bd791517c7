"""A cart is kept, let go and expired as a whole: no command takes a part out of it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.refusals import Refusal, ReservationClosed
from domain.refusals_reservations import PartOfCart
from tests.pasts import MemoryLedger

SHELF: dict[str, Any] = {"sku": "A", "location": "WH"}
LATER, LATEST = "2100-01-01T00:00:00Z", "2100-02-01T00:00:00Z"


@pytest.fixture
def ledger() -> MemoryLedger:
    """The cart `c` of two lines, of units that are told apart by nothing."""
    ledger = MemoryLedger()
    for sku in "AB":
        ledger.send(type="register_item", sku=sku, name=sku)
    ledger.send(type="register_location", location="WH", name="WH")
    lines = []
    for number, sku in enumerate("AB", 1):
        ledger.send(type="receive_stock", sku=sku, location="WH", quantity=5)
        lines.append({"line": number, "sku": sku, "location": "WH", "quantity": 2})
    taken = ledger.send(type="reserve_cart", reservation_id="c", lines=lines, expires_at=LATER)
    assert not isinstance(taken, Refusal)
    return ledger


@pytest.mark.parametrize(
    ("command", "remedy", "more"),
    [
        ("release_reservation", "release_cart", {}),
        ("expire_reservation", "expire_cart", {}),
        ("extend_reservation", "extend_cart", {"expires_at": LATEST}),
    ],
)
def test_a_part_of_a_cart_is_refused_by_the_name_of_what_is_for_all_of_it(
    ledger: MemoryLedger, command: str, remedy: Any, more: dict[str, Any]
) -> None:
    refusal = ledger.send(type=command, reservation_id="c", **SHELF, **more)
    assert refusal == PartOfCart(reservation_id="c", remedy=remedy)
    assert remedy in refusal.sentence()
    assert not isinstance(ledger.send(type="release_cart", reservation_id="c"), Refusal)
    ended = ledger.send(type=command, reservation_id="c", **SHELF, **more)
    assert ended == ReservationClosed(reservation_id="c", ended="released")


def test_a_reservation_that_only_shares_a_carts_name_is_let_go_alone(ledger: MemoryLedger) -> None:
    ledger.send(type="register_item", sku="C", name="C")
    elsewhere: dict[str, Any] = {"sku": "C", "location": "WH"}
    ledger.send(type="receive_stock", **elsewhere, quantity=1)
    reserved: dict[str, Any] = {"reservation_id": "c", "quantity": 1, "expires_at": LATER}
    assert not isinstance(ledger.send(type="reserve_stock", **elsewhere, **reserved), Refusal)
    released = ledger.send(type="release_reservation", reservation_id="c", **elsewhere)
    assert not isinstance(released, Refusal)
