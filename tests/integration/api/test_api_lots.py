"""Lots over HTTP: what is wrong with them is named, and a recall finds whoever had them."""

from typing import Any

import pytest

from tests.api_world import Business, receive, register_location

SKU = "MILK"
MILK = {"type": "register_item", "key": "milk", "sku": SKU, "name": "Milk", "tracking": "lot"}
LOT = {"lot": "L1", "quantity": 6, "expires_on": "2999-01-31"}


@pytest.fixture
def dairy(acme: Business) -> Business:
    """Six of lot L1 at each of two places, four of them sold by two orders, one came back."""
    order = {"type": "place_order", "ship": True}
    acme.submit(
        MILK,
        register_location("hall"),
        register_location("shop"),
        receive(6, sku=SKU, lots=[LOT]),
        receive(6, key="r-2", sku=SKU, location="shop", lots=[LOT]),
        *(
            {
                **order,
                "key": name,
                "order_id": name,
                "lines": [{"line": 1, "sku": SKU, "location": place, "quantity": 2}],
            }
            for name, place in (("o-1", "hall"), ("o-2", "shop"))
        ),
        {
            "type": "return_stock",
            "key": "back",
            "sku": SKU,
            "location": "hall",
            "quantity": 1,
            "order_id": "o-1",
            "lots": [{"lot": "L1", "quantity": 1}],
        },
    )
    return acme


def test_a_recall_report_names_every_holder_and_every_shipment(dairy: Business) -> None:
    found = dairy.http().get(f"/v1/recall-reports/{SKU}@L1").json()
    assert found["recall_id"] is None
    assert found["holders"] == [
        {"location": "hall", "on_hand": 5, "picked": 0, "held": 0},
        {"location": "shop", "on_hand": 4, "picked": 0, "held": 0},
    ]
    assert found["moved"] == {"received": 12, "returned": 1, "shipped": -4}
    shipments = [(each["order_id"], each["line"], each["on_hand"]) for each in found["shipments"]]
    assert shipments == [("o-2", 1, -2), ("o-1", 1, -2)]
    dairy.submit(
        {
            "type": "recall_lot",
            "key": "recall",
            "sku": SKU,
            "lot": "L1",
            "recall_id": "R-2",
            "reason_code": "glass",
        }
    )
    found = dairy.http().get(f"/v1/recall-reports/{SKU}@L1").json()
    assert found["recall_id"] == "R-2"
    assert [each["held"] for each in found["holders"]] == [5, 4]


def test_a_trail_comes_in_pages_of_one_cause_if_wished(dairy: Business) -> None:
    http = dairy.http()
    address = f"/v1/lot-trails/{SKU}@L1"
    first = http.get(address, params={"limit": 3}).json()
    rest = http.get(address, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    causes = [each["cause"] for page in (first, rest) for each in page["steps"]]
    assert causes == ["returned", "shipped", "shipped", "received", "received"]
    only = http.get(address, params={"cause": "returned"}).json()
    assert [each["order_id"] for each in only["steps"]] == ["o-1"]
    foreign = http.get(
        address, params={"limit": 2, "cursor": first["next_cursor"], "cause": "held"}
    )
    assert foreign.json()["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("lot_id", "status", "code"),
    [("MILK@L9", 404, "unknown_lot"), ("MILK", 422, "invalid"), ("MILK@L 1", 422, "invalid")],
)
def test_a_lot_that_is_none_is_told_so(
    dairy: Business, lot_id: str, status: int, code: str
) -> None:
    for address in ("lot-trails", "recall-reports"):
        answer = dairy.http().get(f"/v1/{address}/{lot_id}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"lots": [{"lot": "L1"}]}, "/lots/0/quantity"),
        ({"lots": [{"lot": "L1", "quantity": 0}]}, "/lots/0/quantity"),
        ({"lots": [{"lot": "L1", "quantity": "2"}]}, "/lots/0/quantity"),
        ({"lots": [{"lot": "L 1", "quantity": 2}]}, "/lots/0/lot"),
        ({"lots": [{"lot": "L1", "quantity": 2, "expires_on": "31.1.2026"}]}, "/lots/0/expires_on"),
        ({"lots": [{"lot": "L1", "quantity": 2, "expires_on": 5}]}, "/lots/0/expires_on"),
        ({"lots": [{"lot": "L1", "quantity": 2, "best": 5}]}, "/lots/0/best"),
        ({"lots": "L1"}, "/lots"),
        ({"lots": [{"lot": "L1", "quantity": 2}], "serials": ["a", "b"]}, ""),
        ({"serials": ["a b"]}, "/serials/0"),
        ({"serials": [f"s{n}" for n in range(1_001)]}, "/serials"),
    ],
)
def test_a_lot_that_is_wrong_is_named_by_its_field(
    dairy: Business, given: dict[str, Any], pointer: str
) -> None:
    answer = dairy.http().post("/v1/commands/receive_stock", json=receive(2, sku=SKU, **given))
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "lots_missing"),
        ({"lots": [{"lot": "L1", "quantity": 3}]}, "lots_do_not_add_up"),
        ({"serials": ["a", "b"]}, "lots_not_taken"),
        ({"lots": [{"lot": "L1", "quantity": 1}] * 2}, "lot_named_twice"),
        (
            {"lots": [{"lot": "L1", "quantity": 2, "expires_on": "2999-02-01"}]},
            "lot_expiry_differs",
        ),
    ],
)
def test_lots_that_cannot_be_those_of_the_fact_are_refused_with_the_remedy(
    dairy: Business, given: dict[str, Any], code: str
) -> None:
    before = len(dairy.events())
    answer = dairy.http().post(
        "/v1/commands/receive_stock", json=receive(2, key="new", sku=SKU, **given)
    )
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert answer.json()["detail"].endswith(".")
    assert len(dairy.events()) == before


def test_the_tracking_of_an_item_stays(dairy: Business) -> None:
    answer = dairy.http().post(
        "/v1/commands/describe_item", json={"key": "d", "sku": SKU, "tracking": "none"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "tracking_fixed")


def test_whoever_approves_a_hold_is_not_named_in_the_log(dairy: Business) -> None:
    hold = {"type": "hold_stock", "sku": SKU, "location": "hall", "hold_id": "q", "lot": "L1"}
    let_go = {"type": "release_hold", "sku": SKU, "location": "hall", "hold_id": "q"}
    dairy.submit(
        {**hold, "key": "h", "kind": "quality", "quantity": 1, "approved_by": "Ann Example"},
        {**let_go, "key": "l", "approved_by": "Ann Example"},
    )
    told = [event.data for event in dairy.events() if event.type.startswith("stock.hold")]
    held = [event.data for event in dairy.events() if event.type == "stock.held.v1"]
    for data in (*told, *held):
        assert b"Ann" not in data
        assert b'"approved_by":"sub_' in data
