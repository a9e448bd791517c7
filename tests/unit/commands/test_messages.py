import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from commands.complaints import complaints
from commands.message import body_hash
from commands.messages import COMMAND, COMMAND_TYPES, Command, DescribeItem

RECEIVE = {
    "type": "receive_stock",
    "key": "k-1",
    "sku": "85123A",
    "location": "hall",
    "quantity": 5,
}
ORDER = {
    "type": "place_order",
    "key": "k-2",
    "order_id": "o-1",
    "lines": [{"line": 1, "sku": "85123A", "location": "hall", "quantity": 2}],
}
ITEM = {"type": "register_item", "key": "k-3", "sku": "85123A", "name": "White heart holder"}


def read(document: dict[str, Any], **changed: Any) -> Command:
    return COMMAND.validate_json(json.dumps(document | changed))


def wrong(document: dict[str, Any], **changed: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        read(document, **changed)
    return {each.pointer: each.detail for each in complaints(caught.value)}


def test_every_command_has_a_type_of_its_own() -> None:
    assert len(COMMAND_TYPES) == len(get_args(get_args(Command)[0]))
    for name, message in COMMAND_TYPES.items():
        assert message.model_json_schema()["properties"]["type"]["const"] == name


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("quantity", -1, "write a number of at least 1"),
        ("quantity", 0, "write a number of at least 1"),
        ("quantity", 1.5, "write a whole number: no fraction, no quotes"),
        ("quantity", 5.0, "write a whole number: no fraction, no quotes"),
        ("quantity", "5", "write a whole number: no fraction, no quotes"),
        ("quantity", True, "write a whole number: no fraction, no quotes"),
        ("quantity", 10**30, "write a number of at most 1000000000"),
        ("sku", "85123 A", "use 1 to 64 letters, digits or . _ : / - without spaces"),
        ("sku", "a@b", "use 1 to 64 letters, digits or . _ : / - without spaces"),
        ("sku", "85123A\n", "use 1 to 64 letters, digits or . _ : / - without spaces"),
        ("sku", "x" * 65, "use 1 to 64 letters, digits or . _ : / - without spaces"),
        ("sku", 85123, "write text, in quotes"),
        ("key", "", "use 1 to 200 printable ASCII characters"),
        ("key", "ключ", "use 1 to 200 printable ASCII characters"),
        ("ledger", "Main", "use up to 31 lower-case letters, digits or hyphens"),
        ("occurred_at", "2026-03-01", "write an instant with its offset, 2026-03-01T09:30:00Z"),
        ("occurred_at", "2026-03-01T09:30:00", "write an instant with its offset, 2026-03-01T09"),
        ("occurred_at", 1_700_000_000, "write an instant with its offset, 2026-03-01T09:30:00Z"),
        ("occurred_at", "1700000000", "write an instant with its offset, 2026-03-01T09:30:00Z"),
        ("occurred_at", "0001-01-01T00:00:00+14:00", "write an instant whose year is 1 to 9999"),
        ("occurred_at", "9999-12-31T23:59:59-10:00", "write an instant whose year is 1 to 9999"),
        ("colour", "red", "there is no such field here: leave it out"),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy(field: str, value: object, remedy: str) -> None:
    found = wrong(RECEIVE, **{field: value})
    assert list(found) == [f"/{field}"]
    assert found[f"/{field}"].startswith(remedy)


def test_all_wrong_fields_are_told_at_once() -> None:
    found = wrong({"type": "receive_stock", "quantity": 0, "extra": 1})
    assert set(found) == {"/key", "/sku", "/location", "/quantity", "/extra"}


def test_a_missing_or_unknown_type_names_the_types() -> None:
    assert wrong({"key": "k"}) == {"": "say which command this is: `type` is missing"}
    assert "'place_order'" in wrong({"type": "sell"})[""]


def test_a_wrong_line_is_pointed_at() -> None:
    lines = [*ORDER["lines"], {"line": 2, "sku": "85123A", "location": "hall", "quantity": 0}]
    assert wrong(ORDER, lines=lines) == {"/lines/1/quantity": "write a number of at least 1"}


def test_a_line_number_may_stand_only_once() -> None:
    (detail,) = wrong(ORDER, lines=[*ORDER["lines"], *ORDER["lines"]]).values()
    assert detail == "line 1 stands twice: number each line once"


def test_a_gtin_with_a_wrong_check_digit_is_refused() -> None:
    assert read(ITEM, gtin="4006381333931").key == "k-3"
    assert list(wrong(ITEM, gtin="4006381333932")) == ["/gtin"]


def test_an_adjustment_of_nothing_is_refused() -> None:
    adjust = {k: v for k, v in RECEIVE.items() if k != "quantity"} | {"type": "adjust_stock"}
    assert list(wrong(adjust, delta=0, reason="damaged")) == ["/delta"]
    assert list(wrong(adjust, delta=-3, reason="  ")) == ["/reason"]


def test_an_instant_becomes_utc_whatever_its_offset() -> None:
    summer = read(RECEIVE, occurred_at="2026-07-01T10:30:00.25+01:00")
    assert summer.occurred_at == datetime(2026, 7, 1, 9, 30, 0, 250_000, tzinfo=UTC)
    assert summer.occurred_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RECEIVE, RECEIVE | {"key": "another"}),
        (RECEIVE, RECEIVE | {"ledger": "main", "document": "", "occurred_at": None}),
        (
            RECEIVE | {"occurred_at": "2026-03-01T10:00:00+01:00"},
            RECEIVE | {"occurred_at": "2026-03-01T09:00:00.000Z"},
        ),
        (ITEM | {"attributes": {"a": "1", "b": "2"}}, ITEM | {"attributes": {"b": "2", "a": "1"}}),
    ],
)
def test_two_spellings_of_one_command_have_one_hash(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert body_hash(read(one)) == body_hash(read(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RECEIVE, RECEIVE | {"quantity": 6}),
        (RECEIVE, RECEIVE | {"expected_version": 0}),
        (RECEIVE, RECEIVE | {"occurred_at": "2026-03-01T09:00:00Z"}),
        (ITEM, ITEM | {"type": "describe_item"}),
        (ITEM | {"type": "describe_item"}, ITEM | {"type": "describe_item", "description": ""}),
    ],
)
def test_another_body_has_another_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert body_hash(read(one)) != body_hash(read(other))


def test_describing_changes_only_the_fields_that_were_given() -> None:
    command = read({"type": "describe_item", "key": "k", "sku": "85123A"}, gtin=None, name="Heart")
    assert isinstance(command, DescribeItem)
    assert command.changes() == {"gtin": None, "name": "Heart"}


@given(st.integers(1, 10**9), st.text("abcXYZ019._:/-", min_size=1, max_size=64))
def test_a_command_survives_being_written_and_read(quantity: int, sku: str) -> None:
    command = read(RECEIVE, quantity=quantity, sku=sku)
    assert COMMAND.validate_json(command.model_dump_json()) == command
