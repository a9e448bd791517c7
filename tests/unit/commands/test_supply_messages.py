"""What a command about a purchase, a transfer or a move must look like."""

import json
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from api.command_schemas import EXAMPLES
from commands.complaints import complaints
from commands.messages import COMMAND, Command
from commands.purchase_messages import PlacePurchase
from commands.transfer_messages import DispatchTransfer


def read(kind: str, **changed: Any) -> Command:
    return COMMAND.validate_json(json.dumps({"type": kind, "key": "k", **EXAMPLES[kind]} | changed))


def wrong(kind: str, **changed: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        read(kind, **changed)
    return {each.pointer: each.detail for each in complaints(caught.value)}


def test_a_day_is_a_day_of_the_calendar() -> None:
    command = read("place_purchase")
    assert isinstance(command, PlacePurchase)
    assert command.lines[0].expected_on == date(2026, 3, 9)
    assert COMMAND.validate_json(command.model_dump_json()) == command


@pytest.mark.parametrize(
    "day", ["2026-02-30", "2026-3-9", "20260309", "2026-03-09T00:00:00Z", 1_773_000_000, True]
)
def test_anything_else_is_no_day(day: object) -> None:
    found = wrong("place_transfer", expected_on=day)
    remedy = "write a day, 2026-03-31"
    assert found == {"/expected_on": remedy}


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("place_purchase", {"line": 1, "sku": "A", "quantity": 1}),
        ("change_purchase", {"line": 1, "sku": "A", "quantity": 1}),
        ("receive_purchase", {"line": 1, "accepted": 1}),
        ("place_transfer", {"line": 1, "sku": "A", "quantity": 1}),
        ("dispatch_transfer", {"line": 1, "quantity": 1}),
        ("receive_transfer", {"line": 1, "quantity": 1}),
    ],
)
def test_lines_are_numbered_once_and_there_is_one(kind: str, line: dict[str, Any]) -> None:
    assert read(kind, lines=[line]).type_name == kind
    assert wrong(kind, lines=[line, line]) == {"": "line 1 stands twice: number each line once"}
    assert wrong(kind, lines=[]) == {"/lines": "give at least 1"}
    assert "/lines/0/line" in wrong(kind, lines=[line | {"line": 0}])
    assert "/lines/0/colour" in wrong(kind, lines=[line | {"colour": "red"}])


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ({"line": 1}, "leave out a line of which nothing came"),
        ({"line": 1, "accepted": 0, "rejected": 0}, "leave out a line of which nothing came"),
        ({"line": 1, "rejected": 2}, "give the reason why units were rejected"),
        ({"line": 1, "rejected": 2, "reason": " "}, "give the reason why units were rejected"),
    ],
)
def test_a_delivered_line_says_what_came_and_why_it_was_rejected(
    line: dict[str, Any], remedy: str
) -> None:
    sound = {"line": 2, "accepted": 1}
    assert wrong("receive_purchase", lines=[line, sound]) == {"/lines/0": remedy}


def test_the_rest_of_a_transfer_is_lost_or_returned() -> None:
    assert wrong("close_transfer", rest="eaten") == {"/rest": "write one of 'lost' or 'returned'"}


def test_a_dispatch_without_lines_sends_everything() -> None:
    command = read("dispatch_transfer", lines=None)
    assert isinstance(command, DispatchTransfer)
    assert command.lines is None
