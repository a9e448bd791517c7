"""Orders that wait for payment, on a real log: each goes on, or is cancelled and gives back."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from commands.submission import Answer
from projections.catalogue import ensure
from projections.documents.projection import Documents
from projections.orders.projection import Orders
from tests.command_side import WriteSide, shelf, told, write_side
from tests.managers_side import Managing, managing
from tests.parts import Database
from tests.projection_side import drain, journal

LONG_AGO = datetime(2026, 3, 1, tzinfo=UTC)
PRICE = 5_000_000
UNITS = 2


async def place(side: WriteSide, order_id: str, **more: Any) -> Answer:
    line = {"line": 1, **shelf(), "quantity": UNITS, "unit_price_micros": PRICE}
    order = {"order_id": order_id, "currency": "GBP", "lines": [line], "payment": "required"}
    return await side.send(type="place_order", key=f"place-{order_id}", **order | more)


async def report(side: WriteSide, order_id: str, what: str, **more: Any) -> Answer:
    said = {
        "payment_id": f"pay-{order_id}",
        "order_id": order_id,
        "amount_micros": UNITS * PRICE,
        "currency": "GBP",
        "reference": f"{what}-{order_id}",
    } | more
    key = f"{what}-{said['payment_id']}-{said['reference']}"
    return await side.send(type="record_payment", key=key, report=what, **said)


def endings(managers: Managing) -> dict[str, str]:
    return {state["id"]: state["body"]["step"] for state in managers.states("orders")}


def happened(side: WriteSide, order_id: str) -> list[str]:
    """What came of the order after it was allocated."""
    stream = f"order-{order_id}"
    types = [event.type for event in side.events() if event.stream == stream]
    return [each for each in types if each not in {"order.placed.v2", "order.allocated.v1"}]


async def available(side: WriteSide) -> int:
    """What an adjustment's answer tells, one unit up and down again."""
    found = 0
    for n, delta in enumerate((1, -1)):
        key = f"look-{len(side.events())}-{n}"
        answer = await side.send(
            type="adjust_stock", key=key, **shelf(), delta=delta, reason="looking"
        )
        found = told(answer)["result"]["available"]
    return found


async def test_a_paid_order_goes_on_and_may_be_shipped(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await place(side, "o1")
        ship = {"type": "ship_order", "order_id": "o1"}
        await managers.settle()
        assert (await side.send(**ship, key="s1")).code == "payment_missing"
        await report(side, "o1", "authorised")
        assert await managers.settle() == 1
        assert happened(side, "o1") == ["order.paid.v1"]
        assert (await side.send(**ship, key="s2")).outcome == "accepted"
        assert endings(managers) == {"o1": "completed"}


async def test_money_of_an_order_that_is_cancelled_is_to_be_refunded(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await side.send(type="set_policy", key="policy", payment_seconds=60)
        await place(side, "o1")
        await report(side, "o1", "captured", amount_micros=1)
        await side.send(type="cancel_order", key="c", order_id="o1")
        assert await managers.settle() == 1
        assert side.events()[-1].type == "payment.refund_due.v1"
        waits = [task for task in managers.tasks() if task["task_id"].startswith("time-out/")]
        assert waits == []
        await place(side, "o2", occurred_at=LONG_AGO.isoformat())
        await asyncio.to_thread(managers.fold)
        (wait,) = (task for task in managers.tasks() if task["task_id"] == "time-out/o2")
        assert wait["due_at"] == LONG_AGO + timedelta(seconds=60)


async def test_an_order_whose_payment_failed_is_cancelled_and_gives_back(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await place(side, "o1")
        assert await available(side) == 8
        await report(side, "o1", "failed", reason="declined")
        assert await managers.settle() == 1
        assert happened(side, "o1") == ["order.cancelled.v1"]
        assert await available(side) == 10
        assert endings(managers) == {"o1": "compensated"}


async def test_an_order_that_nobody_paid_in_time_is_cancelled_by_an_event(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await place(side, "late", occurred_at=LONG_AGO.isoformat())
        await place(side, "waits")
        assert await managers.settle() == 2
        (timed_out,) = (each for each in side.events() if each.type == "payment.timed_out.v1")
        assert timed_out.occurred_at.date().isoformat() == "2026-03-02"
        assert happened(side, "late") == ["order.cancelled.v1"]
        assert endings(managers) == {"late": "compensated", "waits": "waiting"}
        # Money that comes too late brings nothing back, and is to be given back itself.
        late = await report(side, "late", "captured")
        assert told(late)["result"] == {"status": "to_refund"}
        assert await managers.settle() == 0
        assert await available(side) == 8


async def test_managers_that_begin_anew_send_nothing_with_effect(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        for order_id, what in (("o1", "authorised"), ("o2", "failed"), ("o3", "captured")):
            await report(side, order_id, what)
            await place(side, order_id)
        await managers.settle()
        before, ended = side.events(), endings(managers)
        managers.forget()
        await managers.settle()
        assert side.events() == before
        assert endings(managers) == ended
        assert Counter(ended.values()) == {"completed": 2, "compensated": 1}


async def test_folding_read_models_sends_no_command(postgres_database: Database) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side:
        await side.stock_up(10)
        await place(side, "o1")
        await report(side, "o1", "failed")
        before = side.events()
        with journal(dsn) as log:
            ensure(log.pool, redis_prefix="saga")
            for projection in (
                Orders(log.pool, epoch=log.identity.epoch),
                Documents(log.pool, epoch=log.identity.epoch),
            ):
                drain(log, projection, log.shard("acme/main"))
        assert side.events() == before
        assert side.count("SELECT count(*) FROM process_tasks") == 0


async def test_an_order_that_is_cancelled_by_hand_needs_no_saga(
    postgres_database: Database,
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn) as managers:
        await side.stock_up(10)
        await place(side, "o1")
        await managers.settle()
        await report(side, "o1", "authorised")
        # The saga has seen the payment when the order is cancelled.
        managers.fold()
        await side.send(type="cancel_order", key="c", order_id="o1")
        await managers.settle()
        assert happened(side, "o1") == ["order.cancelled.v1"]
        assert endings(managers) == {"o1": "compensated"}
