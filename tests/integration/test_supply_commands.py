"""Purchases, transfers and moves on the real log: by several at once, from cold, in one bulk."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.command_side import SKU, WriteSide, location, told, write_side
from tests.parts import Database

SEND = {
    "type": "place_transfer",
    "origin": "hall",
    "destination": "shop",
    "lines": [{"line": 1, "sku": SKU, "quantity": 1}],
}
BUY = {
    "type": "place_purchase",
    "purchase_id": "p",
    "location": "hall",
    "lines": [{"line": 1, "sku": SKU, "quantity": 10}],
}


def move(key: str, units: int) -> dict[str, Any]:
    named = {"type": "move_stock", "key": key, "move_id": key, "sku": SKU, "quantity": units}
    return named | {"origin": "hall", "destination": "shop"}


async def on_hand(side: WriteSide, place: str) -> int:
    nothing = {"sku": SKU, "location": place, "delta": 1, "reason": "seen"}
    answer = await side.send(type="adjust_stock", key=f"look-{place}", **nothing)
    units: int = told(answer)["result"]["on_hand"] - 1
    return units


async def test_twenty_dispatches_at_once_take_ten_units(postgres_database: Database) -> None:
    async with (
        write_side(postgres_database.log) as side,
        write_side(postgres_database.log) as other,
    ):
        await side.stock_up(10)
        await side.send(**location("shop"))
        names = [f"t-{number}" for number in range(20)]
        placed = await side.send_all(*({**SEND, "key": n, "transfer_id": n} for n in names))
        assert {answer.outcome for answer in placed} == {"accepted"}
        answers = await asyncio.gather(
            *(
                (side, other)[number % 2].send(
                    type="dispatch_transfer", key=f"d-{name}", transfer_id=name
                )
                for number, name in enumerate(names)
            )
        )
        codes = [answer.code for answer in answers]
        assert (codes.count(None), codes.count("too_few_to_move")) == (10, 10)
        assert await on_hand(side, "hall") == 0


async def test_moves_of_one_bulk_see_each_other(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(10)
        await side.send(**location("shop"))
        first, second, third = await side.send_all(move("a", 6), move("b", 6), move("c", 4))
        assert (first.outcome, second.code, third.outcome) == (
            "accepted",
            "too_few_to_move",
            "accepted",
        )
        assert told(third)["result"]["on_hand"] == {"hall": 0, "shop": 10}


async def test_a_whole_purchase_goes_through_one_bulk(postgres_database: Database) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        named = {"purchase_id": "p"}
        part = {"receipt_id": "d", "lines": [{"line": 1, "accepted": 4}]}
        answers = await side.send_all(
            {**BUY, "key": "1"},
            {"type": "approve_purchase", "key": "2", **named},
            {"type": "receive_purchase", "key": "3", **named, **part},
            {"type": "close_purchase", "key": "4", **named},
            mode="atomic",
        )
        assert [told(answer)["result"] for answer in answers] == [
            {"status": "placed", "incoming": 0},
            {"status": "approved", "incoming": 10},
            {"status": "partly_received", "incoming": 6},
            {"status": "closed", "incoming": 0},
        ]


async def test_a_writer_that_starts_cold_knows_what_is_outstanding(
    postgres_database: Database,
) -> None:
    named = {"purchase_id": "p"}
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        await side.send(**BUY, key="1")
        await side.send(type="approve_purchase", key="2", **named)
    async with write_side(postgres_database.log) as side:
        part = {"receipt_id": "d", "lines": [{"line": 1, "accepted": 4}]}
        received = await side.send(type="receive_purchase", key="3", **named, **part)
        assert told(received)["result"] == {"status": "partly_received", "incoming": 6}
        again = await side.send(type="receive_purchase", key="3", **named, **part)
        assert (again.body, again.replayed) == (received.body, True)


async def test_a_delivery_dated_before_a_count_restates_it(postgres_database: Database) -> None:
    named = {"purchase_id": "p"}
    async with write_side(postgres_database.log) as side:
        await side.stock_up(1)
        await side.send(**BUY, key="1", occurred_at="2026-01-01T00:00:00Z")
        await side.send(type="approve_purchase", key="2", **named)
        hall = {"sku": SKU, "location": "hall", "count_id": "c", "counted": 7}
        await side.send(type="count_stock", key="3", **hall)
        part = {"receipt_id": "d", "lines": [{"line": 1, "accepted": 4}]}
        early = {"type": "receive_purchase", "occurred_at": "2026-01-02T00:00:00Z"}
        received = await side.send(**early, key="4", **named, **part)
        assert received.outcome == "accepted", received.body
        types = [event.type for event in side.events()][-4:]
        assert types == [
            "purchase.received.v1",
            "stock.received.v1",
            "stock.count_restated.v1",
            "stock.arrival_closed.v1",
        ]
        assert await on_hand(side, "hall") == 7
