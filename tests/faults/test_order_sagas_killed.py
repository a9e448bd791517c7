"""Order sagas killed at any of their steps: each goes on or is compensated, and once."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from tests.command_side import WriteSide, write_side
from tests.integration.test_order_saga import (
    LONG_AGO,
    available,
    endings,
    happened,
    place,
    report,
)
from tests.managers_side import in_a_process, managing
from tests.parts import Database

# Between any two of: fold and tasks, the command's append, its answer, the mark and what follows.
POINTS = (
    "processes.before_commit",
    "append.locked",
    "append.copying",
    "append.copied",
    "append.committed",
    "processes.after_submit",
    "processes.before_mark",
)
STOCK = 10_000


async def begin(side: WriteSide, name: str) -> dict[str, str]:
    """Three orders, and how each of them has to end."""
    await place(side, f"{name}-paid")
    await report(side, f"{name}-paid", "authorised")
    await place(side, f"{name}-failed")
    await report(side, f"{name}-failed", "failed")
    await place(side, f"{name}-late", occurred_at=LONG_AGO.isoformat())
    return {
        f"{name}-paid": "completed",
        f"{name}-failed": "compensated",
        f"{name}-late": "compensated",
    }


async def check(dsn: str, side: WriteSide, wanted: dict[str, str]) -> None:
    async with managing(dsn) as managers:
        assert endings(managers) == wanted
        assert {task["outcome"] for task in managers.tasks()} == {"accepted"}
    for order_id, end in wanted.items():
        once = ["order.paid.v1" if end == "completed" else "order.cancelled.v1"]
        assert happened(side, order_id) == once, order_id
    paid = Counter(wanted.values())["completed"]
    assert await available(side) == STOCK - 2 * paid
    timed_out = [event for event in side.events() if event.type == "payment.timed_out.v1"]
    assert len(timed_out) == sum(each.endswith("late") for each in wanted)


async def killed_at(dsn: str, kills: list[tuple[str, int]]) -> None:
    """Each kill meets three new orders of its own, and what the kills before left undone."""
    async with write_side(dsn) as side:
        await side.stock_up(STOCK)
        wanted: dict[str, str] = {}
        for number, (point, time) in enumerate(kills):
            wanted |= await begin(side, f"k{number}")
            code, said = in_a_process(dsn, BACKSTOCK_CRASH_AT=f"{point}:{time}")
            assert code == CRASH_EXIT_CODE, (point, time, said)
        for _ in range(2):
            code, said = in_a_process(dsn)
            assert code == 0, said
        await check(dsn, side, wanted)


async def test_an_order_s_saga_killed_at_a_step_ends_all_the_same(
    postgres_database: Database,
) -> None:
    await killed_at(
        postgres_database.log,
        [("processes.before_commit", 2), ("append.committed", 1), ("processes.before_mark", 2)],
    )


@pytest.mark.long
async def test_order_sagas_killed_at_twenty_one_seeded_points_end_all_the_same(
    postgres_database: Database,
) -> None:
    kills = [(point, time) for point in POINTS for time in (1, 2, 1)]
    random.Random(20_261).shuffle(kills)
    await killed_at(postgres_database.log, kills)
