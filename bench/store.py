"""A store for one measurement: PostgreSQL that nobody else uses, with its default durability."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from uuid_utils.compat import uuid7

from commands.group_commit import GroupCommit
from commands.messages import COMMAND
from commands.submission import Submission
from eventlog.log import GENESIS_HASH
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import add_ledger, add_tenant
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.snapshots import PostgresSnapshots
from migrations.runner import migrate
from ops.stack.parts import running
from ops.stack.postgres import PostgresPart

SHARDS = 16
PASSWORD = "of-this-bench"
now = partial(datetime.now, UTC)


@contextmanager
def store() -> Iterator[tuple[str, str]]:
    """The DSNs of its superuser and of the log role."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running(PostgresPart(), Path(directory)) as admin_dsn,
    ):
        migrate(admin_dsn, log_password=PASSWORD, read_password=PASSWORD, shards=SHARDS)
        url = urlsplit(admin_dsn)
        netloc = f"backstock_log:{PASSWORD}@{url.hostname}:{url.port}"
        yield admin_dsn, url._replace(netloc=netloc).geturl()


def log_pool(dsn: str) -> Pool:
    """A process's connections as the log role."""
    return open_log_pool(dsn, size=4, name="bench")


def add(pool: Pool, tenant: str) -> str:
    """A tenant and its ledger `main`."""
    add_tenant(pool, tenant, tenant, subject_secret=GENESIS_HASH)
    return add_ledger(pool, tenant)


class Commands:
    """A process's write side, and one caller that waits for each bulk's answers."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._tenant = tenant
        self._runner = asyncio.Runner()
        self._commit = GroupCommit(
            appender=PostgresAppender(pool, clock=now),
            reader=PostgresReader(pool),
            snapshots=PostgresSnapshots(pool),
            shards=SHARDS,
            new_id=uuid7,
        )

    def parsed(self, bodies: Sequence[dict[str, Any]]) -> list[Submission]:
        return [
            Submission(
                tenant=self._tenant, actor="system_bench", command=COMMAND.validate_python(body)
            )
            for body in bodies
        ]

    def submit(self, submissions: Sequence[Submission]) -> None:
        """AssertionError unless every one is accepted."""
        answers = self._runner.run(self._commit.submit(submissions))
        refused = [answer for answer in answers if answer.outcome != "accepted"]
        assert not refused, refused[0]

    def register(self, skus: Sequence[str]) -> None:
        """The items, and the location `main`."""
        items = [
            {"type": "register_item", "key": f"item {sku}", "sku": sku, "name": "x"} for sku in skus
        ]
        place = {"type": "register_location", "key": "main", "location": "main", "name": "main"}
        self.submit(self.parsed([place, *items]))

    def close(self) -> None:
        self._runner.run(self._commit.close())
        self._runner.close()


def receipt(key: str, sku: str) -> dict[str, Any]:
    """The command's body: five units at `main`."""
    return {"type": "receive_stock", "key": key, "sku": sku, "location": "main", "quantity": 5}
