"""Process managers killed between any two of their steps: each task has exactly one effect."""

from __future__ import annotations

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from tests.command_side import write_side
from tests.integration.test_processes import expired, reserve
from tests.managers_side import in_a_process, managing
from tests.parts import Database

RESERVATIONS = 5


@pytest.mark.parametrize(
    ("point", "effects"),
    [
        ("processes.before_commit", 0),
        ("processes.after_submit", RESERVATIONS),
        ("processes.before_mark", RESERVATIONS),
    ],
)
async def test_killed_between_two_steps_it_goes_on_with_one_effect_of_each_task(
    postgres_database: Database, point: str, effects: int
) -> None:
    dsn = postgres_database.log
    async with write_side(dsn) as side:
        await side.stock_up(10)
        await side.send_all(*(reserve(f"r{n}", quantity=1) for n in range(RESERVATIONS)))
        code, said = in_a_process(dsn, BACKSTOCK_CRASH_AT=point)
        assert code == CRASH_EXIT_CODE, said
        assert len(expired(side)) == effects
        for _ in range(2):
            code, said = in_a_process(dsn)
            assert code == 0, said
            assert len(expired(side)) == RESERVATIONS
        async with managing(dsn) as managers:
            assert managers.states("clock") == []
            assert {task["outcome"] for task in managers.tasks()} <= {"accepted"}
