"""Many writers in processes of their own, some of which die or freeze in the middle of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import orjson
import psutil
import pytest

from tests.command_side import SKU, shelf, told, write_side
from tests.command_worker import Worker, WorkerDiedError, workers
from tests.parts import Database

CLIENTS = 64
UNITS = 1_000
REQUESTS = 1_300


def reserve(number: int) -> dict[str, Any]:
    name = f"r-{number}"
    return {
        "type": "reserve_stock",
        "key": name,
        **shelf(),
        "reservation_id": name,
        "quantity": 1,
        "expires_at": "2100-01-01T00:00:00Z",
    }


async def answered(
    worker: Worker, command: dict[str, Any], retried: Counter[str]
) -> dict[str, Any]:
    """Send until there is an answer, as a careful client does."""
    while True:
        try:
            answer = await worker.ask(**command)
        except WorkerDiedError:
            retried["unanswered"] += 1
            await asyncio.sleep(0.05)
            continue
        if answer["outcome"] != "failed":
            return answer
        retried["failed"] += 1


async def test_64_reservers_over_three_processes_one_of_them_killed_get_exactly_what_is_there(
    postgres_database: Database,
) -> None:
    async with write_side(postgres_database.log) as side:
        await side.stock_up(UNITS)
        async with workers(postgres_database.log, 3) as three:
            queue = list(range(REQUESTS))
            answers: dict[int, dict[str, Any]] = {}
            retried: Counter[str] = Counter()

            async def client(index: int) -> None:
                while queue:
                    number = queue.pop()
                    worker = three[index % len(three)]
                    answers[number] = await answered(worker, reserve(number), retried)

            async def fate() -> None:
                for _ in range(2):
                    await asyncio.sleep(0.15)
                    await three[0].kill()
                    await three[0].start()

            await asyncio.gather(fate(), *(client(index) for index in range(CLIENTS)))
        assert retried["unanswered"] > 0, "the kill came too late to matter"
        outcomes = Counter(answer["outcome"] for answer in answers.values())
        assert outcomes == {"accepted": UNITS, "refused": REQUESTS - UNITS}
        refused = [orjson.loads(a["body"]) for a in answers.values() if a["outcome"] == "refused"]
        assert {each["refusal"]["code"] for each in refused} == {"insufficient_stock"}
        assert {each["refusal"]["available"] for each in refused} == {0}
        reserved = [event for event in side.events() if event.type == "stock.reserved.v1"]
        assert len(reserved) == UNITS
        assert [event.stream_version for event in reserved] == list(range(2, UNITS + 2))
        # Whoever asks again, anywhere, hears the same.
        again = await asyncio.gather(*(side.send(**reserve(number)) for number in answers))
        for answer, (number, first) in zip(again, answers.items(), strict=True):
            assert answer.body.decode() == first["body"], number
        assert {answer.replayed for answer in again} == {True}


async def test_others_go_on_when_a_writer_freezes_in_the_middle_of_an_append(
    postgres_database: Database,
) -> None:
    """It holds the shard's head while it is stopped; its batch is rolled back and asked again."""
    for line in ("append.locked", "append.copying", "append.copied"):
        async with write_side(postgres_database.log) as side:
            receipt = {"type": "receive_stock", **shelf(), "quantity": 1}
            await side.send_all(
                {"type": "register_item", "key": "item", "sku": SKU, "name": "Heart"},
                {"type": "register_location", "key": "hall", "location": "hall", "name": "Hall"},
            )
            async with workers(postgres_database.log, 1, BACKSTOCK_STOP_AT=line) as (frozen,):
                lost = asyncio.create_task(frozen.ask(key=f"frozen-{line}", **receipt))
                await asyncio.to_thread(stopped, frozen)
                started = time.monotonic()
                answer = await side.send(key=f"other-{line}", **receipt)
                assert time.monotonic() - started < 5
                assert answer.outcome == "accepted"
                await frozen.kill()
                with pytest.raises(WorkerDiedError):
                    await lost
            again = await side.send(key=f"frozen-{line}", **receipt)
            assert again.outcome == "accepted"
            keys = "SELECT count(*) FROM command_keys WHERE key LIKE %s AND accepted"
            assert side.count(keys, f"%-{line}") == 2
            units = [told(each)["result"]["on_hand"] for each in (answer, again)]
            assert abs(units[0] - units[1]) == 1


def stopped(worker: Worker) -> None:
    """Block until the worker's process has stopped itself."""
    process = psutil.Process(worker.process.pid)
    deadline = time.monotonic() + 20
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, "the writer never came to its line"
        time.sleep(0.01)
