"""What is wrong with a command about an order is named, with its remedy, before anybody decides."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from commands.complaints import complaints
from commands.message import body_hash
from commands.messages import COMMAND

LINE = {"line": 1, "sku": "A", "location": "hall", "quantity": 2}
ANYWHERE = {"line": 1, "sku": "A", "quantity": 2}
PLACE: dict[str, Any] = {"type": "place_order", "key": "k", "order_id": "o", "lines": [LINE]}
SOURCED = PLACE | {"lines": [ANYWHERE], "sourcing": "fixed_order", "locations": ["hall", "shop"]}
POINT = {"latitude_microdegrees": 1, "longitude_microdegrees": 2}
SHIP: dict[str, Any] = {"type": "ship_order", "key": "k", "order_id": "o"}
SOME = [{"line": 1, "quantity": 1}]


def wrong(**document: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        COMMAND.validate_json(json.dumps(document))
    return [each.detail for each in complaints(caught.value)]


@pytest.mark.parametrize(
    ("document", "remedy"),
    [
        (PLACE | {"lines": [ANYWHERE]}, "name each line's location"),
        (PLACE | {"sourcing": "nearest"}, "give sourcing and locations together"),
        (PLACE | {"locations": ["hall"]}, "give sourcing and locations together"),
        (SOURCED | {"locations": ["hall", "hall"]}, "name each of the locations once"),
        (SOURCED | {"sourcing": "nearest"}, "nearest, and nothing else, takes latitude"),
        (SOURCED | POINT, "nearest, and nothing else, takes latitude"),
        (SOURCED | {"sourcing": "cheapest"}, "write one of"),
        (SOURCED | {"locations": [f"x{n}" for n in range(51)]}, ""),
        (
            SOURCED
            | {
                "lines": [ANYWHERE | {"line": n} for n in range(1, 1_100)],
            },
            "lines without a location times locations come to more than 2000",
        ),
        (PLACE | {"ship": True, "backorder": True}, "an order ships at once as a whole"),
        (PLACE | {"ship": True, "allocation": "partial"}, "an order ships at once as a whole"),
        (PLACE | {"ship": True, "payment": "required"}, "what waits for payment cannot ship"),
        (PLACE | {"reservation_id": "r", "allocate": False}, "what a reservation held is"),
        (PLACE | {"allocation": "some"}, "write one of"),
        (PLACE | {"backorder": 1}, ""),
        (SHIP | {"lines": SOME, "parcels": ["b"]}, "name lines or parcels, not both"),
        (SHIP | {"carrier": "Post"}, "carrier and tracking need a shipment_id"),
        (SHIP | {"lines": SOME * 2}, "line 1 stands twice"),
        (SHIP | {"lines": []}, ""),
    ],
)
def test_an_order_command_that_makes_no_sense_is_refused(
    document: dict[str, Any], remedy: str
) -> None:
    (detail, *_) = wrong(**document)
    assert remedy in detail


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("create_pick_list", {"pick_id": "p"}),
        ("pick_order", {"pick_id": "p", "lines": [{"line": 1, "quantity": -1}]}),
        ("pick_order", {"pick_id": "p", "lines": [{"line": 1, "quantity": 1}] * 2}),
        ("pack_order", {"parcel_id": "b@x", "location": "hall"}),
        ("deliver_shipment", {}),
        ("cancel_shipment", {"shipment_id": "s", "reason": "x" * 201}),
        ("request_return", {"return_id": "r"}),
        ("inspect_return", {"return_id": "r", "location": "hall", "lines": SOME}),
        (
            "inspect_return",
            {"return_id": "r", "location": "hall", "lines": [SOME[0] | {"outcome": "burn"}]},
        ),
        ("exchange_order", {"return_id": "r", "lines": SOME, "replacement_id": "p"}),
        ("confirm_payment", {}),
        ("close_order", {"force": True}),
    ],
)
def test_what_a_fulfilment_command_lacks_is_told(kind: str, fields: dict[str, Any]) -> None:
    assert all(wrong(type=kind, key="k", order_id="o", **fields))


def test_a_plain_order_has_the_hash_it_always_had() -> None:
    """Whoever sends a key again, from before lines could leave out their location, is known."""
    hashes = {
        "place_order": "",
        "ship_order": "",
    }
    for kind, document in (("place_order", PLACE), ("ship_order", SHIP | {"lines": SOME})):
        hashes[kind] = body_hash(COMMAND.validate_json(json.dumps(document))).hex()[:16]
    assert hashes == {"place_order": "b6be395f5f2d0ff1", "ship_order": "2f5a1ea9e0698738"}
