"""The append path alone, beside a plain `eventsourcing` application on the same PostgreSQL.

Ours: commands through group commit in batches of 500 (decide, chain, idempotency, commit; receipts
over 4,000 stocks, one shard). The peer saves one command at a time, as its tutorial does; both
durable, one process each, one after the other, round by round.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from uuid_utils.compat import uuid7

from bench.figures import Figure, figure
from bench.plain_stock import PlainStock
from commands.group_commit import GroupCommit
from commands.messages import COMMAND
from commands.submission import Submission
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.identity import add_ledger, add_tenant
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.snapshots import PostgresSnapshots
from migrations.runner import migrate
from ops.stack.parts import running
from ops.stack.postgres import PostgresPart

ROUNDS = 3
BATCH = 500
BATCHES = 60
ITEMS = 4_000
SINGLES = 400
Body = dict[str, Any]
PASSWORD = "of-this-bench"
TENANT = "bench"


def measure() -> list[Figure]:
    """Both on one server that nobody else uses, with its default durability."""
    ours: list[float] = []
    peers: list[float] = []
    latencies: list[float] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        running(PostgresPart(), Path(directory)) as admin_dsn,
        _group_commit(admin_dsn) as loop_and_commit,
    ):
        for number in range(ROUNDS):
            peers.append(_plain(admin_dsn, number))
            rate, batch_ms = _batches(*loop_and_commit, number)
            ours.append(rate)
            latencies += batch_ms
    peer = figure("append_eventsourcing_single", "events/s", peers)
    mine = figure("append_path_500", "events/s", ours, latencies_ms=latencies)
    ratio = round(mine.median / peer.median, 2)
    return [peer, replace(mine, peer=peer.name, ratio=ratio)]


@contextmanager
def _group_commit(admin_dsn: str) -> Iterator[tuple[asyncio.Runner, GroupCommit]]:
    migrate(admin_dsn, log_password=PASSWORD, read_password=PASSWORD)
    pool = open_log_pool(_as_log_role(admin_dsn), size=4, name="bench")
    add_tenant(pool, TENANT, TENANT, subject_secret=bytes(32))
    add_ledger(pool, TENANT)
    with asyncio.Runner() as runner:
        commit = GroupCommit(
            appender=PostgresAppender(pool, clock=lambda: datetime.now(UTC)),
            reader=PostgresReader(pool),
            snapshots=PostgresSnapshots(pool),
            shards=16,
            new_id=uuid7,
        )
        location = {"type": "register_location", "key": "l", "location": "main", "name": "main"}
        _submit(runner, commit, [location])
        for start in range(0, ITEMS, BATCH):
            items = range(start, start + BATCH)
            _submit(
                runner,
                commit,
                [
                    {"type": "register_item", "key": f"i{n}", "sku": f"S{n}", "name": "x"}
                    for n in items
                ],
            )
        yield runner, commit
        runner.run(commit.close())
    pool.close()


def _batches(runner: asyncio.Runner, commit: GroupCommit, number: int) -> tuple[float, list[float]]:
    batches = [
        [
            {
                "type": "receive_stock",
                "key": f"{number}-{batch}-{line}",
                "sku": f"S{(batch * BATCH + line * 7) % ITEMS}",
                "location": "main",
                "quantity": 5,
            }
            for line in range(BATCH)
        ]
        for batch in range(BATCHES)
    ]
    prepared = [[_submission(body) for body in batch] for batch in batches]
    latencies = []
    started = time.perf_counter()
    for batch in prepared:
        sent = time.perf_counter()
        answers = runner.run(commit.submit(batch))
        latencies.append((time.perf_counter() - sent) * 1000)
        assert all(answer.outcome == "accepted" for answer in answers)
    return BATCHES * BATCH / (time.perf_counter() - started), latencies


def _submit(runner: asyncio.Runner, commit: GroupCommit, bodies: list[Body]) -> None:
    answers = runner.run(commit.submit([_submission(body) for body in bodies]))
    assert all(answer.outcome == "accepted" for answer in answers)


def _submission(body: Body) -> Submission:
    return Submission(tenant=TENANT, actor="system_bench", command=COMMAND.validate_python(body))


def _plain(admin_dsn: str, number: int) -> float:
    """Events per second of the library used as it comes: load, trigger, save; one at a time."""
    name = f"plain_{number}"
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    url = urlsplit(admin_dsn)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": name,
        "POSTGRES_HOST": str(url.hostname),
        "POSTGRES_PORT": str(url.port),
        "POSTGRES_USER": str(url.username),
        "POSTGRES_PASSWORD": str(url.password),
    }
    application = Application[UUID](env={**os.environ, **environment})
    stocks = [PlainStock() for _ in range(SINGLES)]
    application.save(*stocks)
    started = time.perf_counter()
    for stock in stocks:
        loaded: PlainStock = application.repository.get(stock.id)
        loaded.receive(quantity=5)
        application.save(loaded)
    rate = SINGLES / (time.perf_counter() - started)
    application.close()
    return rate


def _as_log_role(admin_dsn: str) -> str:
    url = urlsplit(admin_dsn)
    return url._replace(netloc=f"backstock_log:{PASSWORD}@{url.hostname}:{url.port}").geturl()
