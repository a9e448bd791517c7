"""A process dies while it submits a count that takes several appends."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from commands.processes.count_finishing import STALLED_AFTER
from domain.counting import POSTED_AT_ONCE_MAX
from eventlog.crash_points import CRASH_VARIABLE
from tests.command_side import PLACE, WriteSide, location, now, shelf, told, write_side
from tests.command_worker import WorkerDiedError, workers
from tests.managers_side import managing
from tests.parts import Database

LINES = 2 * POSTED_AT_ONCE_MAX + 10
SUBMIT = {"type": "submit_count", "key": "submit", "count_id": "c"}


def commands() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What is there, and its count, which finds one unit of each instead of none."""
    skus = [f"S-{n}" for n in range(LINES)]
    known = [{"type": "register_item", "key": sku, "sku": sku, "name": sku} for sku in skus]
    lines = [{"line": n, "sku": sku, "counted": 1} for n, sku in enumerate(skus, 1)]
    entry = {"type": "enter_count", "key": "enter", "count_id": "c", "lines": lines}
    return [location(PLACE), *known], entry


async def submitted_in_vain(database: Database, moment: str) -> None:
    """The count is entered, and its submitter dies at that moment."""
    known, entry = commands()
    async with write_side(database.log) as side:
        await side.send_all(*known)
        await side.send(type="plan_count", key="plan", count_id="c", location=PLACE)
        assert (await side.send(**entry)).outcome == "accepted"
    async with workers(database.log, 1, **{CRASH_VARIABLE: moment}) as (worker,):
        with pytest.raises(WorkerDiedError):
            await worker.ask(**SUBMIT)


def counted_stocks(side: WriteSide) -> Counter[str]:
    return Counter(event.stream for event in side.events() if event.type == "stock.counted.v1")


async def test_a_count_whose_submitter_never_comes_back_is_finished_all_the_same(
    postgres_database: Database,
) -> None:
    await submitted_in_vain(postgres_database, "append.committed:1")
    async with managing(postgres_database.log) as managers:
        assert await managers.settle() == 0, "it may be at work still"

    def later() -> datetime:
        return now() + STALLED_AFTER

    dsn = postgres_database.log
    async with managing(dsn, clock=later) as managers, write_side(dsn) as side:
        assert await managers.settle() == 3, "a part, one that is refused, the rest"
        counted = counted_stocks(side)
        assert (len(counted), set(counted.values())) == (LINES, {1})
        assert [event.type for event in side.events()][-1] == "count.submitted.v1"
        assert managers.states("counts") == []
        answer = await side.send(**SUBMIT)
        assert answer.code == "count_state", "its own key is told that it is done"


@pytest.mark.parametrize(
    "moment",
    ["append.copied:1", "append.committed:1", "append.copied:2", "append.committed:3"],
)
async def test_the_same_key_ends_a_count_whose_process_died_and_no_line_counts_twice(
    postgres_database: Database, moment: str
) -> None:
    await submitted_in_vain(postgres_database, moment)
    async with write_side(postgres_database.log) as side:
        answer = await side.send(**SUBMIT)
        assert told(answer)["result"] == {
            "status": "submitted",
            "lines": LINES,
            "to_recount": 0,
            "left": 0,
        }
        counted = counted_stocks(side)
        assert len(counted) == LINES
        assert set(counted.values()) == {1}
        look = await side.send(type="receive_stock", key="look", **shelf("S-0"), quantity=1)
        assert told(look)["result"]["on_hand"] == 2
