import json
from typing import Any

import pytest

from api.command_bodies import (
    BULK_LINES_MAX,
    Bulk,
    read_bulk_carefully,
    read_bulk_quickly,
    read_command,
)
from api.problems import Problem
from commands.message import body_hash
from commands.messages import COMMAND_TYPES, Command
from tests.unit.api.examples import EXAMPLES_WITH_KEYS

RECEIVE = {
    "type": "receive_stock",
    "key": "k-1",
    "sku": "85123A",
    "location": "hall",
    "quantity": 5,
}


def bulk(*lines: Any, **members: Any) -> bytes:
    return json.dumps({"commands": lines, **members}).encode()


def read_bulk(body: bytes) -> Bulk:
    return read_bulk_quickly(body) or read_bulk_carefully(body)


def refused(body: bytes) -> dict[str, str]:
    with pytest.raises(Problem) as caught:
        read_bulk(body)
    return {each.pointer: each.detail for each in caught.value.errors}


def single(body: Any, key: str | None = None, version: int | None = None) -> Command:
    document = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_command(document, "receive_stock", key=key, version=version)


def wrong(body: Any, key: str | None = None, version: int | None = None) -> Problem:
    with pytest.raises(Problem) as caught:
        single(body, key, version)
    return caught.value


def test_a_command_is_the_same_alone_in_a_bulk_and_read_carefully() -> None:
    for command in EXAMPLES_WITH_KEYS:
        alone = read_command(
            json.dumps(command).encode(), str(command["type"]), key=None, version=None
        )
        quick_bulk = read_bulk_quickly(bulk(command))
        assert quick_bulk is not None
        (quick,) = quick_bulk.commands
        (careful,) = read_bulk_carefully(bulk(command)).commands
        assert quick is not None
        assert careful is not None
        assert body_hash(alone) == body_hash(quick) == body_hash(careful)


def test_every_type_of_command_has_an_example() -> None:
    assert [each["type"] for each in EXAMPLES_WITH_KEYS] == list(COMMAND_TYPES)


def test_a_malformed_line_fails_alone() -> None:
    found = read_bulk(bulk(RECEIVE, {**RECEIVE, "key": "k-2", "quantity": -1, "lot": "x"}, RECEIVE))
    assert [each is None for each in found.commands] == [False, True, False]
    assert found.wrong[1].key == "k-2"
    assert {each.pointer: each.detail for each in found.wrong[1].errors} == {
        "/commands/1/quantity": "write a number of at least 1",
        "/commands/1/lot": "there is no such field here: leave it out",
    }


def test_all_errors_of_an_atomic_bulk_are_told_at_once() -> None:
    lines = [{**RECEIVE, "quantity": 1.5}, RECEIVE, {**RECEIVE, "type": "take_stock"}, 7]
    assert list(refused(bulk(*lines, mode="atomic"))) == [
        "/commands/0/quantity",
        "/commands/2",
        "/commands/3",
    ]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"[]", [""]),
        (bulk(), ["/commands"]),
        (bulk(RECEIVE, mode="both"), ["/mode"]),
        (bulk(RECEIVE, modus=1), ["/modus"]),
        (b'{"commands":{"a":1}}', ["/commands"]),
        (bulk(*[1] * (BULK_LINES_MAX + 1)), ["/commands"]),
        (b'{"commands":[1],"mode":"atomic","mode":"independent"}', ["/mode", "/commands/0"]),
    ],
)
def test_what_is_wrong_around_the_lines_refuses_the_whole(body: bytes, where: list[str]) -> None:
    assert list(refused(body))[: len(where)] == where


def test_a_member_that_stands_twice_is_found_in_a_line() -> None:
    body = bulk(RECEIVE).replace(b'"quantity": 5', b'"quantity": 5, "quantity": 50')
    found = read_bulk(body)
    assert found.wrong[0].errors[0].pointer == "/commands/0/quantity"


def test_an_error_is_told_once_also_when_both_checks_find_it() -> None:
    body = bulk({**RECEIVE, "quantity": float("nan")})
    (error,) = read_bulk(body).wrong[0].errors
    assert error.detail == "NaN is not a number of JSON"


def test_more_flaws_than_are_noted_refuse_the_whole() -> None:
    lines = [{**RECEIVE, "document": "\0"}] * 1_001
    assert len(refused(bulk(*lines))) == 1_000


def test_values_are_never_repeated() -> None:
    secret = "4929123412341234"
    with pytest.raises(Problem) as caught:
        read_bulk(bulk({**RECEIVE, "quantity": secret, "key": secret + "\n"}, mode="atomic"))
    assert secret not in str([(each.pointer, each.detail) for each in caught.value.errors])


def test_the_key_may_stand_in_the_header_or_in_the_body() -> None:
    keyless = {name: value for name, value in RECEIVE.items() if name not in {"key", "type"}}
    assert single(keyless, key="k-1") == single(RECEIVE)
    assert single(RECEIVE, key="k-1") == single(RECEIVE)
    assert wrong(keyless).code == "key_missing"
    assert wrong(RECEIVE, key="k-2").code == "key_mismatch"
    assert wrong(keyless, key="käse").errors[0].pointer == "/key"


def test_a_version_may_stand_in_the_header_or_in_the_body() -> None:
    assert single(RECEIVE, version=7).expected_version == 7
    assert single({**RECEIVE, "expected_version": 7}, version=7).expected_version == 7
    assert body_hash(single(RECEIVE, version=7)) == body_hash(
        single({**RECEIVE, "expected_version": 7})
    )
    assert wrong({**RECEIVE, "expected_version": 8}, version=7).errors[0].pointer == (
        "/expected_version"
    )


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"type": "ship_stock"}, "/type"),
        ({"quantity": -5}, "/quantity"),
        ({"quantity": 1.5}, "/quantity"),
        ({"quantity": 5.0}, "/quantity"),
        ({"quantity": "5"}, "/quantity"),
        ({"quantity": True}, "/quantity"),
        ({"quantity": 10**10}, "/quantity"),
        ({"quantity": 10**30}, "/quantity"),
        ({"sku": "a b"}, "/sku"),
        ({"sku": 5}, "/sku"),
        ({"occurred_at": "2011-03-01T09:30:00"}, "/occurred_at"),
        ({"document": "a\0b"}, "/document"),
        ({"document": {"deep": [1]}}, "/document"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, Any], where: str) -> None:
    problem = wrong({**RECEIVE, **changed})
    assert (problem.code, [each.pointer for each in problem.errors]) == ("invalid", [where])


def test_a_body_that_is_no_json_is_malformed() -> None:
    assert wrong(b'{"sku":').code == "malformed_json"
    assert wrong(b"[1]").errors[0].detail == "write an object with named fields"


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"])
def test_an_instant_outside_the_calendar_in_utc_is_its_line_s_own_mistake(when: str) -> None:
    read = read_bulk(bulk(RECEIVE, {**RECEIVE, "key": "k-2", "occurred_at": when}))
    good, bad = read.commands
    assert good is not None
    assert bad is None
    (error,) = wrong({**RECEIVE, "occurred_at": when}).errors
    assert error.pointer == "/occurred_at"
    assert "1 to 9999" in error.detail
