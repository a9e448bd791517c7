"""What is wrong with a command about carts or the policy, in sentences that name the remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from commands.complaints import complaints
from commands.message import body_hash
from commands.messages import COMMAND
from commands.reservation_messages import SetPolicy
from domain.events import PolicySet

LINE = {"line": 1, "sku": "A", "location": "hall", "quantity": 2}
CART = {
    "type": "reserve_cart",
    "key": "k",
    "reservation_id": "c",
    "lines": [LINE],
    "expires_at": "2026-03-01T12:00:00Z",
}
AT_LEAST_1 = "write a number of at least 1"
WHOLE = "write a whole number: no fraction, no quotes"
POLICY = {"type": "set_policy", "key": "k"}


def wrong(document: dict[str, Any], **changed: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        COMMAND.validate_json(json.dumps(document | changed))
    return {each.pointer: each.detail for each in complaints(caught.value)}


@pytest.mark.parametrize(
    ("changed", "pointer", "detail"),
    [
        ({"lines": []}, "/lines", "give at least 1"),
        ({"lines": [LINE, LINE]}, "", "line 1 stands twice: number each line once"),
        ({"lines": [LINE | {"quantity": 0}]}, "/lines/0/quantity", "write a number of at least 1"),
        ({"lines": [{"line": 1}]}, "/lines/0/sku", "this field is required"),
        (
            {"expires_at": "2026-03-01T12:00:00"},
            "/expires_at",
            "write an instant with its offset, 2026-03-01T09:30:00Z",
        ),
        ({"location": "hall"}, "/location", "there is no such field here: leave it out"),
    ],
)
def test_a_cart_that_cannot_be_read_says_where_and_what_to_write(
    changed: dict[str, Any], pointer: str, detail: str
) -> None:
    assert wrong(CART, **changed)[pointer] == detail


@pytest.mark.parametrize(
    ("changed", "pointer", "detail"),
    [
        ({}, "", "give at least one field of the policy"),
        ({"reservation_quota": -1}, "/reservation_quota", "write a number of at least 0"),
        (
            {"reservation_seconds_max": 0},
            "/reservation_seconds_max",
            "write a number of at least 1",
        ),
        (
            {"approval_units": 1.5},
            "/approval_units",
            "write a whole number: no fraction, no quotes",
        ),
        (
            # As commands give them: another one nobody could ever give.
            {"reason_codes": ["Broken"]},
            "/reason_codes/0",
            "use 1 to 64 lower-case letters, digits, _ or -",
        ),
    ],
)
def test_a_policy_that_cannot_be_read_says_where_and_what_to_write(
    changed: dict[str, Any], pointer: str, detail: str
) -> None:
    assert wrong(POLICY, **changed)[pointer] == detail


def policy(**fields: Any) -> SetPolicy:
    command = COMMAND.validate_python(POLICY | fields)
    assert isinstance(command, SetPolicy)
    return command


def test_a_field_of_the_policy_that_is_left_out_is_another_wish_than_null() -> None:
    before = PolicySet(reservation_quota=5, approval_units=7)
    assert policy(approval_units=9).after(before) == PolicySet(
        reservation_quota=5, approval_units=9
    )
    taken_off = policy(approval_units=9, reservation_quota=None)
    assert taken_off.after(before) == PolicySet(approval_units=9)
    assert body_hash(taken_off) != body_hash(policy(approval_units=9))


def test_a_command_for_process_managers_alone_is_no_command_of_a_client() -> None:
    opened = {"type": "open_quota", "key": "k", "units": 1, "policy_version": 1}
    (told,) = wrong(opened).values()
    assert told.startswith("there is no command type open_quota")
