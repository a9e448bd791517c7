"""Carts, longer reservations and the quota on a real log, and what verify says of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventlog.codec import decode
from tests.command_side import WriteSide, now, shelf, told, write_side
from tests.managers_side import managing
from tests.parts import Database

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
FAR_OFF = "2100-01-01T00:00:00Z"


def cart(
    name: str, *lines: tuple[str, int], expires_at: str = FAR_OFF, **more: Any
) -> dict[str, Any]:
    return {
        "type": "reserve_cart",
        "key": name,
        "reservation_id": name,
        "lines": [
            {"line": number, **shelf(sku), "quantity": units}
            for number, (sku, units) in enumerate(lines, 1)
        ],
        "expires_at": expires_at,
        **more,
    }


async def two_items(side: WriteSide) -> None:
    await side.stock_up(10, sku="A")
    await side.stock_up(10, sku="B")


def reserved_units(side: WriteSide) -> int:
    """What the stocks' own events come to."""
    found = 0
    for event in side.events():
        fact: Any = decode(event.type, event.data)
        match event.type:
            case "stock.reserved.v1":
                found += fact.quantity
            case "stock.reservation_released.v1" | "stock.reservation_expired.v1":
                found -= fact.quantity
            case "stock.shipped.v1" if fact.reservation_id is not None:
                found -= fact.quantity
    return found


async def test_a_cart_is_reserved_extended_and_released_as_one(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await two_items(side)
        answer = await side.send(**cart("c", ("A", 3), ("B", 2), ("A", 1)))
        assert told(answer)["result"] == {"ended": None, "expires_at": FAR_OFF}
        later = "2100-02-01T00:00:00Z"
        answer = await side.send(type="extend_cart", key="e", reservation_id="c", expires_at=later)
        assert told(answer)["result"]["expires_at"] == later
        part = {"type": "extend_reservation", **shelf("A"), "reservation_id": "c"}
        answer = await side.send(**part, key="p", expires_at="2100-03-01T00:00:00Z")
        assert answer.code == "part_of_cart"
        answer = await side.send(type="expire_cart", key="x", reservation_id="c")
        assert answer.code == "reservation_not_due"
        answer = await side.send(type="release_cart", key="r", reservation_id="c")
        assert told(answer)["result"]["ended"] == "released"
        assert reserved_units(side) == 0
        answer = await side.send(type="release_cart", key="r2", reservation_id="c")
        assert answer.code == "cart_closed"


async def test_carts_at_once_never_promise_more_than_there_is(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await two_items(side)
        answers = await asyncio.gather(
            *(side.send(**cart(f"c{n}", ("A", 1), ("B", 1), ("A", 1))) for n in range(20))
        )
        accepted = [answer for answer in answers if answer.outcome == "accepted"]
        assert len(accepted) == 5
        assert {answer.code for answer in answers} == {None, "insufficient_stock"}
        assert reserved_units(side) == 15


async def test_a_cart_that_is_due_expires_as_one_by_the_clock(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await two_items(side)
        due = (LONG_AGO + timedelta(minutes=5)).isoformat()
        dated = {"occurred_at": LONG_AGO.isoformat(), "expires_at": due}
        await side.send(**cart("c", ("A", 3), ("B", 2), **dated))
        await side.send(**cart("open", ("A", 1)))
        ship = {"type": "ship_stock", "key": "s", **shelf("A"), "reservation_id": "c"}
        assert (await side.send(**ship, quantity=3)).outcome == "accepted"
        assert await managers.settle() == 1
        (cart_expired,) = (each for each in side.events() if each.type == "cart.expired.v1")
        assert cart_expired.occurred_at == LONG_AGO + timedelta(minutes=5)
        assert reserved_units(side) == 1
        assert [state["id"] for state in managers.states("clock")] == ["open"]


async def test_an_extended_cart_expires_at_its_new_time_only(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await two_items(side)
        soon = (now() + timedelta(hours=1)).isoformat()
        await side.send(**cart("c", ("A", 3), expires_at=soon))
        await side.send(type="extend_cart", key="e", reservation_id="c", expires_at=FAR_OFF)
        assert await managers.settle() == 0
        (task,) = managers.tasks()
        assert task["due_at"] == datetime.fromisoformat(FAR_OFF)
        assert reserved_units(side) == 3


async def test_a_quota_bounds_what_is_reserved_in_the_whole_ledger(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await two_items(side)
        await side.send(**cart("before", ("A", 2)))
        answer = await side.send(type="set_policy", key="p", reservation_quota=6)
        assert answer.outcome == "accepted", answer.body
        assert await managers.settle() == 1
        single = {"type": "reserve_stock", **shelf("B"), "expires_at": FAR_OFF}
        answers = await asyncio.gather(
            *(
                side.send(**single, key=f"s{n}", reservation_id=f"s{n}", quantity=1)
                for n in range(8)
            )
        )
        assert sorted(answer.outcome for answer in answers) == ["accepted"] * 4 + ["refused"] * 4
        refused = next(answer for answer in answers if answer.outcome == "refused")
        assert told(refused)["refusal"]["code"] == "quota_exceeded"
        assert (await side.send(**cart("c", ("A", 1)))).code == "quota_exceeded"
        release = {"type": "release_cart", "key": "r", "reservation_id": "before"}
        assert (await side.send(**release)).outcome == "accepted"
        assert (await side.send(**cart("d", ("A", 1), ("A", 1)))).outcome == "accepted"
        assert reserved_units(side) == 6
        last = [each for each in side.events() if each.type.startswith("policy.reserved")][-1]
        fact: Any = decode(last.type, last.data)
        assert fact.known == 6


async def test_policies_change_by_the_fields_that_are_given(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        policy = {"type": "set_policy"}
        await side.send(**policy, key="1", reservation_quota=6, approval_units=5)
        await side.send(**policy, key="2", reason_codes=["broken"])
        await side.send(**policy, key="3", reservation_quota=None)
        facts: list[Any] = [decode(each.type, each.data) for each in side.events()]
        assert [
            (fact.reservation_quota, fact.approval_units, fact.reason_codes) for fact in facts
        ] == [(6, 5, ()), (6, 5, ("broken",)), (None, 5, ("broken",))]
        assert (await side.send(**policy, key="4", approval_units=5)).code == "policy_unchanged"


async def test_a_policy_limits_for_how_long_a_reservation_holds(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await two_items(side)
        await side.send(type="set_policy", key="p", reservation_seconds_max=3_600)
        soon = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
        single = {"type": "reserve_stock", **shelf("A"), "reservation_id": "r", "quantity": 1}
        assert (await side.send(**single, key="1", expires_at=FAR_OFF)).code == (
            "reservation_too_long"
        )
        assert (await side.send(**single, key="2", expires_at=soon)).outcome == "accepted"
        longer = {"type": "extend_reservation", **shelf("A"), "reservation_id": "r"}
        assert (await side.send(**longer, key="3", expires_at=FAR_OFF)).code == (
            "reservation_too_long"
        )
        assert (await side.send(**cart("c", ("A", 1)))).code == "reservation_too_long"


@pytest.mark.parametrize("kind", ["open_quota"])
async def test_what_only_process_managers_send_is_open_to_no_client(
    postgres_database: Database, kind: str
) -> None:
    async with write_side(postgres_database.log) as side:
        with pytest.raises(ValueError, match="union_tag_invalid"):
            side.submission(type=kind, key="k", units=1, policy_version=1)
