"""The log alone: appends beside a bare binary COPY of the same rows, and reads.

Every event has a key row, as commands write them. The bare COPY puts ready-made bytes into the same
tables and commits: no lock, no look-up, no chain, no heads. Both take turns, batch by batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from uuid_utils.compat import uuid7

from bench.figures import Figure, figure
from bench.store import SHARDS, add, log_pool, now, store
from eventlog.log import (
    GENESIS_HASH,
    Decided,
    KeyRow,
    LedgerHead,
    NewEvent,
    RecordedEvent,
    StoredAnswer,
)
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.reader import PostgresReader
from eventlog.postgres.rows import COPY_EVENTS, COPY_KEYS, LedgerTail, pack_events, pack_keys
from eventlog.shards import shard_of

ROUNDS = 3
BATCHES = {1: 300, 20: 200, 100: 100, 500: 60}
STREAMS = 4_000
READ = 280_000
PAGE = 5_000
DATA = (
    b'{"sku":"85123A","location":"main","quantity":6,"order_id":"536365","line":1,'
    b'"unit_price_micros":2550000,"currency":"GBP"}'
)
METADATA = b'{"actor":"sub_8f3f2c1b","command_id":"online-retail:536365:1"}'
ANSWER = (
    b'{"outcome":"accepted","ledger":"main","first_position":541909,"last_position":541909,'
    b'"version":3,"result":{}}'
)


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
    """On one server."""
    with store() as (admin_dsn, dsn):
        return [*_appends(dsn), *_reads(admin_dsn, dsn)]


def _appends(dsn: str) -> Iterator[Figure]:
    with log_pool(dsn) as pool, psycopg.connect(dsn) as bare:
        appender = PostgresAppender(pool, clock=now)
        ours, bares = Batches(add(pool, "ours")), Batches(add(pool, "bare"))
        shard = shard_of(ours.ledger, SHARDS)
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
    with log_pool(dsn) as pool:
        ledger = add(pool, "deep")
        shard = shard_of(ledger, SHARDS)
        with psycopg.connect(admin_dsn) as admin:
            admin.execute(
                "INSERT INTO events SELECT %s, n, n, n, now(), now(), gen_random_uuid(), 'deep',"
                " %s, %s, 'stock.shipped.v1', %s, %s, %s FROM generate_series(1, %s) AS n",
                (shard, ledger, "stock-85123A@main", DATA, METADATA, GENESIS_HASH, READ),
            )
        rates = [_read_all(PostgresReader(pool), shard) for _ in range(ROUNDS)]
    yield figure("read_shard", "events/s", rates)


def _read_all(reader: PostgresReader, shard: int) -> float:
    after = 0
    started = time.perf_counter()
    while page := reader.read_shard(shard, after, PAGE):
        after = page[-1].shard_position
    return after / (time.perf_counter() - started)
