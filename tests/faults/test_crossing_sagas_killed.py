"""Crossings killed at any of their steps: each is taken there or back here, and no unit is lost."""

from __future__ import annotations

import random

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from tests.command_side import WriteSide, write_side
from tests.faults.test_order_sagas_killed import POINTS
from tests.integration.test_crossing_saga import (
    LEDGERS,
    cross,
    endings,
    receive,
    set_up,
    units,
)
from tests.managers_side import in_a_process, managing
from tests.parts import Database

STOCK = 1_000
UNITS = 3


async def begin(side: WriteSide, name: str) -> dict[str, str]:
    """One that is taken and one that is refused."""
    await cross(side, f"{name}-taken", UNITS)
    await cross(side, f"{name}-refused", UNITS, destination="nowhere")
    return {f"{name}-taken": "completed", f"{name}-refused": "compensated"}


def conserved(side: WriteSide) -> bool:
    """Over both ledgers; what has come in there and is not handed over here yet counts once."""
    here, on_the_way, there = units(side)
    at_home = [event for event in side.events() if event.type == "crossing.handed_over.v1"]
    return here + on_the_way + UNITS * len(at_home) == STOCK and there >= UNITS * len(at_home)


async def check(dsn: str, side: WriteSide, wanted: dict[str, str]) -> None:
    async with managing(dsn) as managers:
        assert endings(managers) == wanted
    taken = sum(step == "completed" for step in wanted.values())
    assert units(side) == (STOCK - UNITS * taken, 0, UNITS * taken)
    streams = [
        (event.stream, event.type)
        for ledger in ("acme/main", "acme/outlet")
        for event in side.events(ledger)
        if event.stream.startswith("crossing-")
    ]
    assert len(streams) == len(set(streams)) == 2 * len(wanted) + taken


async def killed_at(dsn: str, kills: list[tuple[str, int]]) -> None:
    """Each kill meets two new crossings, and what the kills before left undone."""
    async with write_side(dsn, ledgers=LEDGERS) as side:
        await set_up(side)
        await receive(side, STOCK)
        wanted: dict[str, str] = {}
        for number, (point, time) in enumerate(kills):
            wanted |= await begin(side, f"k{number}")
            code, said = in_a_process(dsn, BACKSTOCK_CRASH_AT=f"{point}:{time}")
            assert code == CRASH_EXIT_CODE, (point, time, said)
            assert conserved(side)
        for _ in range(2):
            code, said = in_a_process(dsn)
            assert code == 0, said
        await check(dsn, side, wanted)


async def test_a_crossing_killed_at_a_step_ends_all_the_same(postgres_database: Database) -> None:
    await killed_at(
        postgres_database.log,
        [("append.committed", 1), ("processes.after_submit", 2), ("processes.before_mark", 1)],
    )


@pytest.mark.long
async def test_crossings_killed_at_twenty_one_seeded_points_end_all_the_same(
    postgres_database: Database,
) -> None:
    kills = [(point, time) for point in POINTS for time in (1, 2, 1)]
    random.Random(20_262).shuffle(kills)
    await killed_at(postgres_database.log, kills)
