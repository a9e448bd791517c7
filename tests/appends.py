"""Appends without the command side: `with log(database.log) as store: store.append(event(...))`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid7

from eventlog.log import (
    Appended,
    Decided,
    KeyRow,
    LedgerHead,
    NewEvent,
    RecordedEvent,
    StoredAnswer,
)
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.identity import add_ledger, add_tenant, store_identity
from eventlog.postgres.reader import PostgresReader
from eventlog.shards import shard_of

LEDGER = "acme/main"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
POOL_SIZE = 8
now = partial(datetime.now, UTC)
Answers = Mapping[tuple[str, str], StoredAnswer]


def event(
    stream: str = "stock-A@hall",
    version: int = 1,
    *,
    ledger: str = LEDGER,
    data: bytes = b'{"sku":"A","location":"hall","quantity":1}',
    event_id: UUID | None = None,
) -> NewEvent:
    return NewEvent(
        ledger=ledger,
        stream=stream,
        stream_version=version,
        event_id=event_id or uuid7(),
        type="stock.received.v1",
        data=data,
        metadata=b"{}",
        occurred_at=NOON,
    )


def key_row(key: str, count: int = 1, *, ledger: str = LEDGER, answer: bytes = b"{}") -> KeyRow:
    return KeyRow(
        ledger=ledger,
        key=key,
        body_hash=key.encode().ljust(32, b"."),
        accepted=count > 0,
        answer=answer,
        event_count=count,
    )


@dataclass(slots=True, kw_only=True)
class Batch:
    """A decision that says what it was told to, and remembers what it was shown."""

    events: Sequence[NewEvent] = ()
    rows: Sequence[KeyRow] = ()
    ledgers: Sequence[str] = (LEDGER,)
    keys: Sequence[tuple[str, str]] = ()
    known_position: int | None = None
    choose: Callable[[Mapping[str, LedgerHead], Answers, datetime], Decided] | None = None
    caught_up: list[RecordedEvent] = field(default_factory=list)
    heads: Mapping[str, LedgerHead] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    decided: int = 0

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        self.caught_up += events
        self.known_position = events[-1].shard_position

    def decide(
        self, heads: Mapping[str, LedgerHead], answers: Answers, recorded_at: datetime
    ) -> Decided:
        self.decided += 1
        self.heads, self.answers = heads, answers
        if self.choose is not None:
            return self.choose(heads, answers, recorded_at)
        return Decided(events=self.events, keys=self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    pool: Pool
    shard: int
    appender: PostgresAppender
    reader: PostgresReader

    def append(self, *events: NewEvent, rows: Sequence[KeyRow] = ()) -> Appended:
        return self.appender.append(self.shard, Batch(events=events, rows=rows))

    def all_events(self, ledger: str = LEDGER) -> list[RecordedEvent]:
        return list(self.reader.read_ledger(ledger, 0, 1_000_000))


@contextmanager
def log(
    dsn: str,
    *ledgers: str,
    clock: Callable[[], datetime] = now,
    appender: type[PostgresAppender] = PostgresAppender,
) -> Iterator[Store]:
    """The log as its own role, with these ledgers (or LEDGER) in it; the first one's shard."""
    with open_log_pool(dsn, size=POOL_SIZE, name="test") as pool:
        for ledger in ledgers or (LEDGER,):
            tenant, _, name = ledger.partition("/")
            add_tenant(pool, tenant, tenant, subject_secret=b"secret")
            add_ledger(pool, tenant, name)
        yield Store(
            pool=pool,
            shard=shard_of((ledgers or (LEDGER,))[0], store_identity(pool).shards),
            appender=appender(pool, clock=clock),
            reader=PostgresReader(pool),
        )
