"""A real log to fold, and a way to run a projection over it without Kafka: `Journal`, `drain`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from uuid_utils.compat import uuid7

from domain.events import Event, StockTraced
from eventlog.applying import Applier
from eventlog.codec import KNOWN_TYPES, encode
from eventlog.log import Decided, LedgerHead, NewEvent, RecordedEvent, StoredAnswer
from eventlog.parked import ParkedStreams
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import StoreIdentity, add_ledger, add_tenant, store_identity
from eventlog.postgres.reader import PostgresReader
from eventlog.projection import Projection
from eventlog.shards import shard_of
from tests.commands_as_rows import with_cause
from tests.happenings import START, stream_of

TENANT = "acme"
POOL_SIZE = 8


@dataclass(slots=True, kw_only=True)
class Journal:
    """Appends facts as they are, legal or not, and reads them back."""

    pool: Pool
    reader: PostgresReader
    identity: StoreIdentity
    versions: Counter[tuple[str, str]] = field(default_factory=Counter)

    def ledger(self, name: str, tenant: str = TENANT) -> str:
        add_tenant(self.pool, tenant, tenant, subject_secret=b"secret")
        return add_ledger(self.pool, tenant, name)

    def ledgers_of_one_shard(self, count: int) -> list[str]:
        """Ledgers, of different tenants, that share a shard."""
        shard = shard_of("acme/main", self.identity.shards)
        found = ["acme/main"]
        number = 0
        while len(found) < count:
            number += 1
            if shard_of(f"t{number}/main", self.identity.shards) == shard:
                found.append(f"t{number}/main")
        return [self.ledger("main", ledger.partition("/")[0]) for ledger in found]

    def shard(self, ledger: str) -> int:
        return shard_of(ledger, self.identity.shards)

    def append(self, ledger: str, *events: Event, at: datetime = START) -> list[RecordedEvent]:
        """Append the events at once; `at` is when they happened."""
        return self.append_dated(ledger, [(event, at) for event in events])

    def append_dated(
        self, ledger: str, dated: Iterable[tuple[Event, datetime]]
    ) -> list[RecordedEvent]:
        rows = [self._new(ledger, stream_of(event), *encode(event), at) for event, at in dated]
        return self._append(ledger, rows)

    def append_command(
        self, ledger: str, events: Iterable[Event], *, at: datetime = START
    ) -> list[RecordedEvent]:
        """Append the events at once; a trace of BEFORE names the fact before it."""
        found: list[NewEvent] = []
        before: UUID | None = None
        for each in events:
            event = with_cause(each, before)
            found.append(self._new(ledger, stream_of(event), *encode(event), at))
            if not isinstance(event, StockTraced):
                before = found[-1].event_id
        return self._append(ledger, found)

    def append_raw(self, ledger: str, stream: str, type_name: str, data: bytes) -> RecordedEvent:
        """Append whatever bytes under whatever type."""
        return self.append_raws(ledger, [(stream, type_name, data)])[0]

    def append_raws(
        self, ledger: str, rows: Iterable[tuple[str, str, bytes]]
    ) -> list[RecordedEvent]:
        """The same of several at once: stream, type, bytes."""
        return self._append(ledger, [self._new(ledger, *row, START) for row in rows])

    def _append(self, ledger: str, rows: Sequence[NewEvent]) -> list[RecordedEvent]:
        appender = PostgresAppender(self.pool, clock=lambda: datetime.now(UTC))
        appended = appender.append(self.shard(ledger), _Append(ledger, rows))
        first = appended.ledger_first_positions[ledger]
        return list(self.reader.read_ledger(ledger, first - 1, len(rows)))

    def _new(self, ledger: str, stream: str, type_name: str, data: bytes, at: datetime) -> NewEvent:
        self.versions[ledger, stream] += 1
        return NewEvent(
            ledger=ledger,
            stream=stream,
            stream_version=self.versions[ledger, stream],
            event_id=UUID(bytes=uuid7().bytes),
            type=type_name,
            data=data,
            metadata=b"{}",
            occurred_at=at,
        )


@dataclass(frozen=True, slots=True)
class _Append:
    ledger: str
    events: Sequence[NewEvent]
    keys: Sequence[tuple[str, str]] = ()
    known_position: int | None = None

    @property
    def ledgers(self) -> Sequence[str]:
        return [self.ledger]

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        raise AssertionError(f"a stateless decision is not caught up: {events}")

    def decide(
        self,
        heads: Mapping[str, LedgerHead],
        answers: Mapping[tuple[str, str], StoredAnswer],
        recorded_at: datetime,
    ) -> Decided:
        assert (self.ledger in heads, answers) == (True, {}), recorded_at
        return Decided(events=self.events, keys=())


@contextmanager
def journal(log_dsn: str) -> Iterator[Journal]:
    pool = open_log_pool(log_dsn, size=POOL_SIZE, name="projection-side")
    try:
        yield Journal(pool=pool, reader=PostgresReader(pool), identity=store_identity(pool))
    finally:
        pool.close()


def applier(log: Journal, projection: Projection) -> Applier:
    """What the consumer's loop applies batches with, parking included."""
    found = Applier(
        projection,
        ParkedStreams(log.pool, projection.name, projection.version),
        log.reader,
        epoch=log.identity.epoch,
        known_types=KNOWN_TYPES,
    )
    found.load_parked()
    return found


def drain(
    log: Journal, projection: Projection, shard: int, *, batch: int = 500, until: int | None = None
) -> int:
    """Apply what the shard has from the projection's own checkpoint on; the new checkpoint."""
    work = applier(log, projection)
    position = projection.checkpoint(shard).position
    while True:
        wanted = batch if until is None else min(batch, until - position)
        events = log.reader.read_shard(shard, position, wanted) if wanted else ()
        if not events:
            return position
        work.apply(events)
        position += len(events)


def table_rows(log: Journal, table: str) -> list[dict[str, Any]]:
    """Every row of a table, in an order that depends on nothing but the rows."""
    with log.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM {table} AS t ORDER BY t::text".encode()).fetchall()


def told_positions(log: Journal, projection: str) -> dict[str, int]:
    """What projection_ledgers says of each ledger."""
    with log.pool.connection() as connection:
        found = connection.execute(
            "SELECT ledger, position FROM projection_ledgers WHERE projection = %s ORDER BY ledger",
            (projection,),
        )
        return {row[0]: row[1] for row in found}
