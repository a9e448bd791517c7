"""Carts and the policy over HTTP: commands, refusals, bad input, and what they have come to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_world import SHELF, Business

FAR_OFF = "2100-01-01T00:00:00Z"
LONG_AGO = "2020-01-01T00:00:00Z"
LINE = {"line": 1, **SHELF, "quantity": 2}
CART = {"reservation_id": "c1", "lines": [LINE], "expires_at": FAR_OFF}


@pytest.fixture
def business(acme: Business) -> Business:
    acme.stock_up(5)
    return acme


def send(business: Business, command: str, key: str, body: dict[str, Any]) -> Any:
    return business.http().post(
        f"/v1/commands/{command}", json=body, headers={"Idempotency-Key": key}
    )


def read(business: Business, path: str, **parameters: str) -> Any:
    return business.client().get(path, **parameters)


def test_a_cart_is_reserved_read_and_released(business: Business) -> None:
    answer = send(business, "reserve_cart", "1", CART)
    assert answer.json()["result"] == {"ended": None, "expires_at": FAR_OFF}
    business.project()
    document = read(business, "/v1/carts/c1")["document"]
    assert (document["status"], document["refs"]) == (
        "open",
        sorted(f"{name}:{value}" for name, value in SHELF.items()),
    )
    assert send(business, "release_cart", "2", {"reservation_id": "c1"}).status_code == 200
    business.project()
    asked = {"status": "released", "ref": f"sku:{SHELF['sku']}"}
    (found,) = read(business, "/v1/carts", **asked)["documents"]
    assert (found["id"], found["body"]["ended"]) == ("c1", "released")


def test_a_policy_is_set_and_read(business: Business) -> None:
    answer = send(business, "set_policy", "1", {"reservation_quota": 1, "reason_codes": ["lost"]})
    assert answer.status_code == 200
    refused = send(business, "reserve_cart", "2", CART)
    assert (refused.status_code, refused.json()["code"]) == (409, "quota_exceeded")
    assert refused.json()["refusal"]["requested"] == 2
    business.project()
    body = read(business, "/v1/policies/ledger")["document"]["body"]
    assert (body["reservation_quota"], body["reason_codes"]) == (1, ["lost"])


@pytest.mark.parametrize(
    ("command", "body", "status", "code"),
    [
        ("reserve_cart", CART | {"lines": [LINE | {"quantity": 9}]}, 409, "insufficient_stock"),
        ("reserve_cart", CART | {"lines": [LINE | {"sku": "?"}]}, 422, "invalid"),
        ("reserve_cart", CART | {"lines": [LINE | {"sku": "GONE"}]}, 404, "unknown_item"),
        ("reserve_cart", CART | {"lines": [LINE, LINE]}, 422, "invalid"),
        ("reserve_cart", CART | {"expires_at": "tomorrow"}, 422, "invalid"),
        (
            "reserve_cart",
            CART | {"expires_at": "2020-01-01T00:00:00Z"},
            409,
            "reservation_expiry_past",
        ),
        ("extend_cart", {"reservation_id": "none", "expires_at": FAR_OFF}, 404, "unknown_cart"),
        ("release_cart", {"reservation_id": "none"}, 404, "unknown_cart"),
        ("expire_cart", {"reservation_id": "none"}, 404, "unknown_cart"),
        (
            "extend_reservation",
            {**SHELF, "reservation_id": "none", "expires_at": FAR_OFF},
            404,
            "unknown_reservation",
        ),
        ("set_policy", {}, 422, "invalid"),
        ("set_policy", {"reservation_quota": None}, 409, "policy_unchanged"),
        ("open_quota", {"units": 1, "policy_version": 1}, 404, "unknown_command"),
    ],
)
def test_what_cannot_be_done_is_refused_and_writes_nothing(
    business: Business, command: str, body: dict[str, Any], status: int, code: str
) -> None:
    before = len(business.events())
    answer = send(business, command, "k", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["detail"]
    assert len(business.events()) == before
