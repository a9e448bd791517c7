"""Buying, sending and putting away over HTTP: the whole way, and every refusal by its code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_world import Business, register_location

SKU = "85123A"
LINE: dict[str, Any] = {"line": 1, "sku": SKU, "quantity": 9}
BUY: dict[str, Any] = {
    "type": "place_purchase",
    "location": "hall",
    "lines": [LINE],
}
SEND: dict[str, Any] = {
    "type": "place_transfer",
    "origin": "hall",
    "destination": "shop",
    "lines": [{"line": 1, "sku": SKU, "quantity": 6}],
}
MOVE: dict[str, Any] = {
    "type": "move_stock",
    "sku": SKU,
    "origin": "hall",
    "destination": "hall/01",
    "quantity": 2,
    "move_id": "m-1",
}
REFUSED: list[tuple[dict[str, Any], int, str]] = [
    (BUY | {"purchase_id": "p-1"}, 409, "purchase_exists"),
    (BUY | {"purchase_id": "p-2", "location": "nowhere"}, 404, "unknown_location"),
    (BUY | {"purchase_id": "p-2", "supplier": "nobody"}, 404, "unknown_location"),
    (BUY | {"purchase_id": "p-2", "lines": []}, 422, "invalid"),
    (BUY | {"purchase_id": "p-2", "lines": [{**LINE, "sku": "X"}]}, 404, "unknown_item"),
    (BUY | {"purchase_id": "p-2", "lines": [LINE, LINE]}, 422, "invalid"),
    ({"type": "approve_purchase", "purchase_id": "no"}, 404, "unknown_purchase"),
    ({"type": "approve_purchase", "purchase_id": "p-1"}, 409, "purchase_state"),
    (
        {
            "type": "receive_purchase",
            "purchase_id": "p-1",
            "receipt_id": "d-1",
            "lines": [{"line": 1, "accepted": 1}],
        },
        409,
        "purchase_receipt_exists",
    ),
    (
        {
            "type": "receive_purchase",
            "purchase_id": "p-1",
            "receipt_id": "d-2",
            "lines": [{"line": 8, "accepted": 1}],
        },
        404,
        "unknown_purchase_line",
    ),
    (
        {
            "type": "change_purchase",
            "purchase_id": "p-1",
            "lines": [{**LINE, "quantity": 6}],
        },
        409,
        "less_than_settled",
    ),
    (SEND | {"transfer_id": "t-1"}, 409, "transfer_exists"),
    (SEND | {"transfer_id": "t-2", "destination": "hall"}, 409, "same_location"),
    (SEND | {"transfer_id": "t-2", "destination": "nowhere"}, 404, "unknown_location"),
    ({"type": "dispatch_transfer", "transfer_id": "no"}, 404, "unknown_transfer"),
    ({"type": "dispatch_transfer", "transfer_id": "t-1"}, 409, "transfer_state"),
    (
        {
            "type": "receive_transfer",
            "transfer_id": "t-1",
            "receipt_id": "a-1",
            "lines": [{"line": 1, "quantity": 1}],
        },
        409,
        "transfer_receipt_exists",
    ),
    (
        {
            "type": "receive_transfer",
            "transfer_id": "t-1",
            "receipt_id": "a-2",
            "lines": [{"line": 8, "quantity": 1}],
        },
        404,
        "unknown_transfer_line",
    ),
    (
        {"type": "dispatch_transfer", "transfer_id": "t-0", "lines": [{"line": 1, "quantity": 7}]},
        409,
        "exceeds_transfer",
    ),
    ({"type": "dispatch_transfer", "transfer_id": "t-0"}, 409, "too_few_to_move"),
    (MOVE | {"destination": "hall"}, 409, "same_location"),
    (MOVE | {"quantity": 100}, 409, "too_few_to_move"),
    (
        {
            "type": "register_location",
            "location": "bin",
            "name": "Bin",
            "location_type": "bin",
            "parent": "nowhere",
        },
        404,
        "unknown_location",
    ),
]


def send(acme: Business, key: str, command: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = acme.http().post(
        f"/v1/commands/{command['type']}", json=command, headers={"Idempotency-Key": key}
    )
    return answer.status_code, answer.json()


def begin(acme: Business) -> None:
    """Of `p-1` five of nine came and two were rejected; of `t-1` three of four have arrived."""
    lines = [{"line": 1, "accepted": 5, "rejected": 2, "reason": "broken"}]
    acme.submit(
        {"type": "register_item", "key": "i", "sku": SKU, "name": "Heart"},
        register_location("hall"),
        register_location("shop"),
        register_location("hall/01") | {"location_type": "bin", "parent": "hall"},
        {**BUY, "key": "p", "purchase_id": "p-1"},
        {"type": "approve_purchase", "key": "pa", "purchase_id": "p-1"},
        {
            "type": "receive_purchase",
            "key": "pr",
            "purchase_id": "p-1",
            "receipt_id": "d-1",
            "lines": lines,
        },
        {**SEND, "key": "t0", "transfer_id": "t-0"},
        {**SEND, "key": "t", "transfer_id": "t-1"},
        {
            "type": "dispatch_transfer",
            "key": "td",
            "transfer_id": "t-1",
            "lines": [{"line": 1, "quantity": 4}],
        },
        {
            "type": "receive_transfer",
            "key": "ta",
            "transfer_id": "t-1",
            "receipt_id": "a-1",
            "lines": [{"line": 1, "quantity": 3}],
        },
    )


def test_goods_are_bought_received_sent_and_put_away(acme: Business) -> None:
    begin(acme)
    _, moved = send(acme, "m", MOVE | {"quantity": 1})
    assert moved["result"] == {"quantity": 1, "on_hand": {"hall": 0, "hall/01": 1}}
    _, closed = send(acme, "pc", {"type": "close_purchase", "purchase_id": "p-1"})
    assert closed["result"] == {"status": "closed", "incoming": 0}
    _, lost = send(acme, "tc", {"type": "close_transfer", "transfer_id": "t-1", "rest": "lost"})
    assert lost["result"] == {"status": "closed", "in_transit": 0}
    _, gone = send(acme, "t0c", {"type": "cancel_transfer", "transfer_id": "t-0"})
    assert gone["result"] == {"status": "cancelled", "in_transit": 0}
    told = [event.type for event in acme.events()]
    assert told[-7:] == [
        "stock.moved_out.v1",
        "stock.moved_in.v1",
        "purchase.closed.v1",
        "stock.arrival_closed.v1",
        "transfer.closed.v1",
        "stock.arrival_closed.v1",
        "transfer.cancelled.v1",
    ]


@pytest.mark.parametrize(
    ("command", "status", "code"), REFUSED, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_refusal_is_told_by_its_code(
    acme: Business, command: dict[str, Any], status: int, code: str
) -> None:
    begin(acme)
    before = len(acme.events())
    got, problem = send(acme, "x", command)
    assert (got, problem["code"]) == (status, code), problem
    assert problem["detail"].endswith(".")
    assert len(acme.events()) == before


def test_cancelling_both_ways_leaves_the_stock_as_it_was(acme: Business) -> None:
    begin(acme)
    buy = {**BUY, "key": "q", "purchase_id": "p-9"}
    acme.submit(buy, {"type": "approve_purchase", "key": "qa", "purchase_id": "p-9"})
    _, called_off = send(acme, "qc", {"type": "cancel_purchase", "purchase_id": "p-9"})
    assert called_off["result"] == {"status": "cancelled", "incoming": 0}
    one = {"transfer_id": "t-0", "lines": [{"line": 1, "quantity": 1}]}
    _, sent = send(acme, "s", {"type": "dispatch_transfer", **one})
    assert sent["result"] == {"status": "in_transit", "in_transit": 1}
    _, back = send(acme, "b", {"type": "cancel_transfer", "transfer_id": "t-0"})
    assert back["result"] == {"status": "cancelled", "in_transit": 0}
    _, moved = send(acme, "m", MOVE | {"quantity": 1})
    assert moved["result"]["on_hand"] == {"hall": 0, "hall/01": 1}


def test_purchases_and_transfers_are_read_by_id_status_and_reference(acme: Business) -> None:
    begin(acme)
    acme.project()
    client = acme.client()
    purchase: Any = client.get("/v1/purchases/p-1")
    assert purchase["document"]["status"] == "partly_received"
    assert purchase["document"]["body"]["lines"] == [
        {
            "line": 1,
            "sku": SKU,
            "quantity": 9,
            "unit_price_micros": 0,
            "expected_on": None,
            "accepted": 5,
            "rejected": 2,
            "settled": 7,
        }
    ]
    found: Any = client.get("/v1/transfers", ref="location:shop")
    assert [(each["id"], each["status"]) for each in found["documents"]] == [
        ("t-1", "partly_received"),
        ("t-0", "placed"),
    ]
    planned: Any = client.get("/v1/transfers", status="placed")
    assert [each["id"] for each in planned["documents"]] == ["t-0"]
    details: Any = client.get(f"/v1/stock-details/{SKU}@hall")
    body = details["document"]["body"]
    assert body["incoming"] == sum(each["quantity"] for each in body["arrivals"]) == 2
    place: Any = client.get("/v1/location-details/hall/01")
    assert place["document"]["body"]["parent"] == "hall"
