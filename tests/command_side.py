"""The write side on a real log: `async with write_side(dsn) as side: await side.send(...)`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from psycopg_pool import ConnectionPool
from uuid_utils.compat import uuid7

from commands.group_commit import GroupCommit
from commands.in_parts import submit_whole
from commands.messages import COMMAND
from commands.submission import Answer, Mode, Submission
from eventlog.log import RecordedEvent
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import add_ledger, add_tenant, store_identity
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.snapshots import PostgresSnapshots

SKU = "85123A"
PLACE = "hall"
POOL_SIZE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSide:
    group_commit: GroupCommit
    pool: Pool
    tenant: str = "acme"

    def submission(self, **command: Any) -> Submission:
        message = COMMAND.validate_json(orjson.dumps(command))
        return Submission(tenant=self.tenant, actor="key_test", command=message)

    async def send(self, **command: Any) -> Answer:
        """As the API sends a single command."""
        return await submit_whole(self.group_commit, self.submission(**command))

    async def send_all(self, *commands: dict[str, Any], mode: Mode = "independent") -> list[Answer]:
        return await self.group_commit.submit([self.submission(**each) for each in commands], mode)

    async def stock_up(self, quantity: int, *, sku: str = SKU, **item: Any) -> None:
        """Register the item and the location, and receive so many units."""
        answers = await self.send_all(
            {"type": "register_item", "key": f"item-{sku}", "sku": sku, "name": sku, **item},
            location(PLACE),
            {"type": "receive_stock", "key": f"receipt-{sku}", **shelf(sku), "quantity": quantity},
        )
        assert {answer.outcome for answer in answers} == {"accepted"}, answers

    def events(self, ledger: str = "acme/main") -> list[RecordedEvent]:
        return list(PostgresReader(self.pool).read_ledger(ledger, 0, 1_000_000))

    def count(self, query: str, *parameters: object) -> int:
        with self.pool.connection() as connection:
            row = connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return int(row[0])


def shelf(sku: str = SKU, place: str = PLACE) -> dict[str, str]:
    return {"sku": sku, "location": place}


def location(place: str) -> dict[str, str]:
    return {"type": "register_location", "key": f"place-{place}", "location": place, "name": place}


def told(answer: Answer) -> dict[str, Any]:
    """What the answer's body says."""
    body: dict[str, Any] = orjson.loads(answer.body)
    return body


def now() -> datetime:
    return datetime.now(UTC)


def make_group_commit(pool: Pool, **replaced: Any) -> GroupCommit:
    parts: dict[str, Any] = {
        "appender": PostgresAppender(pool, clock=now),
        "reader": PostgresReader(pool),
        "snapshots": PostgresSnapshots(pool),
        "shards": store_identity(pool).shards,
        "new_id": uuid7,
    }
    return GroupCommit(**parts | replaced)


@asynccontextmanager
async def write_side(
    dsn: str, *, ledgers: tuple[str, ...] = ("main",), **replaced: Any
) -> AsyncIterator[WriteSide]:
    pool: ConnectionPool[Any] = open_log_pool(dsn, size=POOL_SIZE, name="command-side")
    add_tenant(pool, "acme", "Acme", subject_secret=b"secret")
    for ledger in ledgers:
        add_ledger(pool, "acme", ledger)
    side = WriteSide(group_commit=make_group_commit(pool, **replaced), pool=pool)
    try:
        yield side
    finally:
        await side.group_commit.close()
        pool.close()
