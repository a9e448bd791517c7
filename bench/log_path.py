"""The log alone: appends beside a bare binary COPY of the same rows, reads, and a cold stream.

Every event has a key row, as commands write them. The bare COPY puts ready-made bytes into the same
tables and commits: no lock, no look-up, no chain, no heads. Both take turns, batch by batch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from uuid_utils.compat import uuid7

from bench.figures import Figure, figure
from eventlog.log import (
    GENESIS_HASH,
    Decided,
    KeyRow,
    LedgerHead,
    NewEvent,
    RecordedEvent,
    Snapshot,
    StoredAnswer,
)
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.identity import add_ledger, add_tenant
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.rows import COPY_EVENTS, COPY_KEYS, LedgerTail, pack_events, pack_keys
from eventlog.postgres.snapshots import PostgresSnapshots
from eventlog.shards import shard_of
from migrations.runner import migrate
from ops.stack.parts import running
from ops.stack.postgres import PostgresPart

SHARDS = 16
ROUNDS = 3
BATCHES = {1: 300, 20: 200, 100: 100, 500: 60}
STREAMS = 4_000
LONG_STREAM = 280_000
TAIL = 500
PAGE = 5_000
PASSWORD = "of-this-bench"
DATA = (
    b'{"sku":"85123A","location":"main","quantity":6,"order_id":"536365","line":1,'
    b'"unit_price_micros":2550000,"currency":"GBP"}'
)
METADATA = b'{"actor":"sub_8f3f2c1b","command_id":"online-retail:536365:1"}'
ANSWER = (
    b'{"outcome":"accepted","ledger":"main","first_position":541909,"last_position":541909,'
    b'"version":3,"result":{}}'
)
now = partial(datetime.now, UTC)


@dataclass(slots=True, kw_only=True)
class Prepared:
    """A decision whose answer lay ready."""

    ledger: str
    events: Sequence[NewEvent]
    rows: Sequence[KeyRow]
    known_position: int | None = None

    @property
    def ledgers(self) -> Sequence[str]:
        return (self.ledger,)

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        return [(row.ledger, row.key) for row in self.rows]

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        self.known_position = events[-1].shard_position

    def decide(
        self,
        heads: Mapping[str, LedgerHead],  # noqa: ARG002 - as Decision says
        answers: Mapping[tuple[str, str], StoredAnswer],  # noqa: ARG002 - as Decision says
        recorded_at: datetime,  # noqa: ARG002 - as Decision says
    ) -> Decided:
        return Decided(events=self.events, keys=self.rows)


@dataclass(slots=True)
class Batches:
    """Batches of one ledger, over streams whose versions go on."""

    ledger: str
    count: int = 0

    def take(self, size: int) -> Prepared:
        numbers = range(self.count, self.count + size)
        self.count += size
        return Prepared(
            ledger=self.ledger,
            events=[
                NewEvent(
                    ledger=self.ledger,
                    stream=f"stock-{number * 7_919 % STREAMS:05d}@main",
                    stream_version=number // STREAMS + 1,
                    event_id=uuid7(),
                    type="stock.shipped.v1",
                    data=DATA,
                    metadata=METADATA,
                    occurred_at=now(),
                )
                for number in numbers
            ],
            rows=[
                KeyRow(
                    ledger=self.ledger,
                    key=f"online-retail:{number:09d}:1",
                    body_hash=GENESIS_HASH,
                    accepted=True,
                    answer=ANSWER,
                    event_count=1,
                )
                for number in numbers
            ],
        )


def measure() -> list[Figure]:
    """On one server that nobody else uses, with its default durability."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running(PostgresPart(), Path(directory)) as admin_dsn,
    ):
        migrate(admin_dsn, log_password=PASSWORD, read_password=PASSWORD, shards=SHARDS)
        url = urlsplit(admin_dsn)
        log_dsn = url._replace(
            netloc=f"backstock_log:{PASSWORD}@{url.hostname}:{url.port}"
        ).geturl()
        return [*_appends(log_dsn), *_reads(admin_dsn, log_dsn)]


def _appends(dsn: str) -> Iterator[Figure]:
    with open_log_pool(dsn, size=2, name="bench") as pool, psycopg.connect(dsn) as bare:
        for tenant in ("ours", "bare"):
            add_tenant(pool, tenant, tenant, subject_secret=GENESIS_HASH)
            add_ledger(pool, tenant)
        appender = PostgresAppender(pool, clock=now)
        ours, bares = Batches("ours/main"), Batches("bare/main")
        shard = shard_of("ours/main", SHARDS)
        appender.append(shard, ours.take(1))
        for size, count in BATCHES.items():
            rates: list[float] = []
            bare_rates: list[float] = []
            latencies: list[float] = []
            for _ in range(ROUNDS):
                took = bare_took = 0.0
                for _ in range(count):
                    batch = ours.take(size)
                    started = time.perf_counter()
                    appender.append(shard, batch)
                    latencies.append((time.perf_counter() - started) * 1000)
                    took += latencies[-1] / 1000
                    bare_took += _bare_copy(bare, bares, size)
                rates.append(size * count / took)
                bare_rates.append(size * count / bare_took)
            peer = figure(f"bare_copy_{size}", "events/s", bare_rates)
            mine = figure(f"append_{size}", "events/s", rates, latencies_ms=latencies)
            yield peer
            yield replace(mine, peer=peer.name, ratio=round(mine.median / peer.median, 2))


def _bare_copy(connection: psycopg.Connection, batches: Batches, size: int) -> float:
    position = batches.count
    batch = batches.take(size)
    head = LedgerHead(
        ledger=batches.ledger,
        tenant="bare",
        shard=shard_of(batches.ledger, SHARDS),
        position=position,
        chain_hash=GENESIS_HASH,
        recorded_at=now(),
    )
    tails = {batches.ledger: LedgerTail.of(head)}
    rows = b"".join(pack_events(head.shard, position, batch.events, tails, head.recorded_at))
    keys = pack_keys(batch.rows, tails, head.recorded_at)
    started = time.perf_counter()
    with connection.cursor() as cursor:
        for statement, ready in ((COPY_EVENTS, rows), (COPY_KEYS, keys)):
            with cursor.copy(statement) as copy:
                copy.write(ready)
    connection.commit()
    return time.perf_counter() - started


def _reads(admin_dsn: str, dsn: str) -> Iterator[Figure]:
    with open_log_pool(dsn, size=2, name="bench") as pool:
        add_tenant(pool, "deep", "deep", subject_secret=GENESIS_HASH)
        ledger = add_ledger(pool, "deep")
        shard = shard_of(ledger, SHARDS)
        stream = "stock-85123A@main"
        with psycopg.connect(admin_dsn) as admin:
            admin.execute(
                "INSERT INTO events SELECT %s, n, n, n, now(), now(), gen_random_uuid(), 'deep',"
                " %s, %s, 'stock.shipped.v1', %s, %s, %s FROM generate_series(1, %s) AS n",
                (shard, ledger, stream, DATA, METADATA, GENESIS_HASH, LONG_STREAM),
            )
        folded = Snapshot(
            ledger=ledger,
            stream=stream,
            stream_version=LONG_STREAM - TAIL,
            format="bench",
            state=bytes(20_000),
        )
        PostgresSnapshots(pool).save([folded])
    yield figure("cold_stream_280000", "ms", [_cold_read(dsn, ledger, stream) for _ in range(20)])
    yield figure("read_shard", "events/s", [_read_all(dsn, shard) for _ in range(ROUNDS)])


def _cold_read(dsn: str, ledger: str, stream: str) -> float:
    """Milliseconds for what a process knows of a stream it never saw: a connection, its snapshot,
    and the events since.
    """
    with open_log_pool(dsn, size=1, name="cold") as pool:
        started = time.perf_counter()
        known = PostgresSnapshots(pool).load([(ledger, stream)])
        version = known[ledger, stream].stream_version
        tail = PostgresReader(pool).read_streams([(ledger, stream, version)])
        took = time.perf_counter() - started
    assert len(tail) == TAIL
    return took * 1000


def _read_all(dsn: str, shard: int) -> float:
    with open_log_pool(dsn, size=1, name="read") as pool:
        reader, after = PostgresReader(pool), 0
        started = time.perf_counter()
        while page := reader.read_shard(shard, after, PAGE):
            after = page[-1].shard_position
        return after / (time.perf_counter() - started)
