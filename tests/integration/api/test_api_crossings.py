"""Crossings over HTTP: dispatched, read, and refused with the field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_world import SHELF, Business

LINE = {"line": 1, "sku": SHELF["sku"], "quantity": 2}
CROSSING = {
    "crossing_id": "x1",
    "to_ledger": "outlet",
    "origin": SHELF["location"],
    "destination": "leeds",
    "lines": [LINE],
}


@pytest.fixture
def business(acme: Business) -> Business:
    acme.stock_up(5)
    return acme


def send(business: Business, key: str, body: dict[str, Any]) -> Any:
    return business.http().post(
        "/v1/commands/dispatch_crossing", json=body, headers={"Idempotency-Key": key}
    )


def read(business: Business, path: str, **parameters: str) -> Any:
    return business.client().get(path, **parameters)


def test_what_was_dispatched_is_in_transit_until_the_other_ledger_answers(
    business: Business,
) -> None:
    assert send(business, "1", CROSSING).json()["result"] == {"status": "in_transit"}
    business.project()
    document = read(business, "/v1/crossings/x1")["document"]
    assert document["status"] == "in_transit"
    assert "ledger:outlet" in document["refs"]
    (found,) = read(business, "/v1/crossings", status="in_transit")["documents"]
    assert found["body"]["lines"][0]["quantity"] == 2
    stock = f"{SHELF['sku']}@{SHELF['location']}"
    assert read(business, f"/v1/stock-details/{stock}")["document"]["body"]["in_transit"] == 2


@pytest.mark.parametrize(
    ("changed", "status", "named"),
    [
        ({"lines": []}, 422, "/lines"),
        ({"lines": [LINE, LINE]}, 422, "/lines"),
        ({"lines": [LINE | {"quantity": 0}]}, 422, "/lines/0/quantity"),
        ({"to_ledger": "Out Let"}, 422, "/to_ledger"),
        ({"destination": "a b"}, 422, "/destination"),
        ({"crossing_id": "main x1"}, 422, "/crossing_id"),
        ({"ship": True}, 422, "/ship"),
        ({"lines": [LINE | {"quantity": 6}]}, 409, "too_few_to_move"),
        ({"to_ledger": "main"}, 409, "same_ledger"),
    ],
)
def test_a_crossing_that_cannot_be_is_refused_by_name(
    business: Business, changed: dict[str, Any], status: int, named: str
) -> None:
    answer = send(business, "1", CROSSING | changed)
    assert answer.status_code == status
    told = answer.json()
    fields = [error["pointer"] for error in told.get("errors", ())]
    # What concerns several fields at once is told of the whole.
    assert named in [*fields, told["code"]] or (named == "/lines" and "" in fields)
