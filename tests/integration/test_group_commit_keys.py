"""Law 3: the same key has one effect and one answer; with another body it is refused."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.command_side import shelf, told, write_side
from tests.parts import Database

RECEIVE = {"type": "receive_stock", **shelf(), "quantity": 5}
EXPIRES = "2100-01-01T00:00:00Z"


def reserve(quantity: int) -> dict[str, Any]:
    return {
        "type": "reserve_stock",
        "key": "once",
        **shelf(),
        "reservation_id": "r",
        "quantity": quantity,
        "expires_at": EXPIRES,
    }


async def test_one_key_sent_many_times_at_once_by_two_writers_has_one_effect(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as one, write_side(postgres_database.log) as other:
        await one.stock_up(10)
        sides = [one, other] * 40
        answers = await asyncio.gather(*(side.send(key="once", **RECEIVE) for side in sides))
        assert len({answer.body for answer in answers}) == 1
        assert [answer.replayed for answer in answers].count(False) == 1
        assert {answer.last_position for answer in answers} == {4}
        assert len(one.events()) == 4


async def test_a_key_is_bound_to_its_body_for_ever(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        first = await side.send(**reserve(4))
        conflict = await side.send(**reserve(5))
        assert (conflict.outcome, conflict.code) == ("key_conflict", "key_conflict")
        assert told(conflict)["refusal"]["key"] == "once"
        again = await side.send(**reserve(4))
        assert (again.body, again.replayed) == (first.body, True)


async def test_a_key_may_come_twice_in_one_bulk(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        first, same, other = await side.send_all(reserve(4), reserve(4), reserve(5))
        assert (first.outcome, first.replayed) == ("accepted", False)
        assert (same.body, same.replayed) == (first.body, True)
        assert other.outcome == "key_conflict"
        assert len(side.events()) == 4


async def test_a_refusal_keeps_its_answer_though_the_stock_came_later(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        refused = await side.send(**reserve(11))
        assert refused.outcome == "refused"
        await side.send(key="more", **RECEIVE)
        again = await side.send(**reserve(11))
        assert (again.body, again.code) == (refused.body, "insufficient_stock")
        assert again.replayed


async def test_a_key_belongs_to_its_ledger(postgres_database: Database) -> None:
    async with write_side(postgres_database.log, ledgers=("main", "outlet")) as side:
        place = {"type": "register_location", "key": "k", "location": "hall", "name": "Hall"}
        here, there = await side.send_all(place, place | {"ledger": "outlet"})
        assert (here.outcome, there.outcome) == ("accepted", "accepted")
        assert (here.replayed, there.replayed) == (False, False)


async def test_a_replay_after_a_restart_needs_nothing_in_memory(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        first = await side.send(**reserve(4))
    async with write_side(postgres_database.log) as side:
        again = await side.send(**reserve(4))
        assert (again.body, again.replayed) == (first.body, True)
        assert (again.first_position, again.last_position) == (4, 4)
        assert len(side.events()) == 4
