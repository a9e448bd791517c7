"""Process managers on a real log, step by step: `async with managing(side) as managers`.

As a process of its own, `python -m tests.managers_side DSN` folds and sends until nothing is due.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from commands.group_commit import GroupCommit
from commands.processes.known import MANAGERS
from commands.processes.process import AnyManager
from commands.processes.running import Processes
from commands.processes.sender import Sender
from commands.processes.waiting import Waiting
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import StoreIdentity, store_identity
from eventlog.postgres.reader import PostgresReader
from tests.command_side import make_group_commit, now
from tests.projection_side import Journal, drain

ROOT = Path(__file__).parents[1]
SECONDS_MAX = 60
ROUNDS_MAX = 100


@dataclass(slots=True, kw_only=True)
class Managing:
    """What `settle` may be asked for again and again; every call begins as a new process would."""

    pool: Pool
    identity: StoreIdentity
    group_commit: GroupCommit
    managers: Sequence[AnyManager]
    clock: Callable[[], datetime]

    def processes(self) -> Processes:
        found = Processes(self.pool, self.managers, epoch=self.identity.epoch)
        found.ensure(self.identity.shards)
        return found

    def fold(self) -> None:
        """Fold every shard to its end."""
        log = Journal(pool=self.pool, reader=PostgresReader(self.pool), identity=self.identity)
        processes = self.processes()
        for shard in range(self.identity.shards):
            drain(log, processes, shard)

    def sender(self, waiting: Waiting | None = None) -> Sender:
        return Sender(
            self.group_commit,
            waiting or Waiting(self.pool, self.managers),
            shards=lambda: range(self.identity.shards),
            clock=self.clock,
        )

    async def settle(self) -> int:
        """Fold and send until nothing is due; how many tasks were sent."""
        sent = 0
        for _ in range(ROUNDS_MAX):
            await asyncio.to_thread(self.fold)
            count = await self.sender().send_due()
            if not count:
                return sent
            sent += count
        raise AssertionError("it never comes to rest")

    def tasks(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM process_tasks ORDER BY process, ledger, task_id")

    def states(self, process: str) -> list[dict[str, Any]]:
        """The instances of one of them."""
        rows = self._rows("SELECT * FROM process_states ORDER BY ledger, id")
        return [row for row in rows if row["process"] == process]

    def forget(self) -> None:
        """As if process managers had never run on this log."""
        with self.pool.connection() as connection:
            connection.execute("TRUNCATE process_states, process_tasks")
            connection.execute(
                "DELETE FROM projection_checkpoints WHERE starts_with(projection, 'process')"
            )

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        with self.pool.connection() as connection:
            return connection.cursor(row_factory=dict_row).execute(statement.encode()).fetchall()


@asynccontextmanager
async def managing(
    dsn: str,
    managers: Sequence[AnyManager] = MANAGERS,
    *,
    clock: Callable[[], datetime] = now,
) -> AsyncIterator[Managing]:
    """Process managers with a write side of their own on the log at `dsn`; `clock` is both's."""
    with open_log_pool(dsn, size=6, name="managing") as pool:
        appender = PostgresAppender(pool, clock=clock)
        group_commit = make_group_commit(pool, appender=appender)
        try:
            yield Managing(
                pool=pool,
                identity=store_identity(pool),
                group_commit=group_commit,
                managers=managers,
                clock=clock,
            )
        finally:
            await group_commit.close()


def in_a_process(dsn: str, **environment: str) -> tuple[int, str]:
    """Settle in a child, which the environment may end at a crash point: exit code, words."""
    child = subprocess.run(
        (sys.executable, "-m", "tests.managers_side", dsn),
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return child.returncode, child.stderr


async def _main(dsn: str) -> None:
    async with managing(dsn) as managers:
        await managers.settle()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
