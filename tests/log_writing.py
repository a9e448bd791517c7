"""Events written straight to the log, through the real append but without commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from eventlog.log import (
    Appended,
    Decided,
    LedgerHead,
    NewEvent,
    RecordedEvent,
    StoredAnswer,
)
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool
from eventlog.postgres.identity import add_ledger, add_tenant
from eventlog.shards import shard_of

SHARDS = 16
RECEIVED = "stock.received.v1"
DATA = b'{"sku":"A-1","location":"WH","quantity":12,"document":"PO-4711"}'
METADATA = b'{"actor":"system_test","command_id":"k-1"}'


# One of a thousand, as the log gives it back.
EVENT = RecordedEvent(
    shard=5,
    shard_position=4711,
    tenant="acme",
    ledger="acme/main",
    ledger_position=12,
    stream="stock-85123A@WH",
    stream_version=3,
    event_id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    type="stock.received.v1",
    data=b'{"sku":"85123A","location":"WH","quantity":12}',
    metadata=b'{"actor":"key_1","command_id":"c-1"}',
    occurred_at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
    recorded_at=datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC),
    chain_hash=bytes(range(32)),
)


@dataclass(slots=True)
class Written:
    """A `Decision` that was made before."""

    ledger: str
    events: Sequence[NewEvent]
    keys: Sequence[tuple[str, str]] = ()
    known_position: int | None = None

    @property
    def ledgers(self) -> Sequence[str]:
        return (self.ledger,)

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        raise AssertionError(f"keeps no state, and is offered {events}")

    def decide(
        self,
        heads: Mapping[str, LedgerHead],  # noqa: ARG002
        answers: Mapping[tuple[str, str], StoredAnswer],  # noqa: ARG002
        recorded_at: datetime,  # noqa: ARG002
    ) -> Decided:
        return Decided(events=self.events, keys=())


@dataclass(slots=True)
class LogWriter:
    """Writes to ledgers that it makes itself; the only writer of its database."""

    pool: Pool
    _versions: dict[tuple[str, str], int] = field(default_factory=dict)
    _ledgers: set[str] = field(default_factory=set)

    def write(
        self,
        *streams: str,
        ledger: str = "acme/main",
        type_name: str = RECEIVED,
        data: bytes = DATA,
    ) -> Appended:
        """Append an event to each stream named, in order, as one append."""
        if ledger not in self._ledgers:
            tenant, _, name = ledger.partition("/")
            add_tenant(self.pool, tenant, tenant.title(), subject_secret=bytes(32))
            add_ledger(self.pool, tenant, name)
            self._ledgers.add(ledger)
        events = [
            NewEvent(
                ledger=ledger,
                stream=stream,
                stream_version=self._next_version(ledger, stream),
                event_id=uuid7(),
                type=type_name,
                data=data,
                metadata=METADATA,
                occurred_at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
            )
            for stream in streams
        ]
        appender = PostgresAppender(self.pool, clock=lambda: datetime.now(UTC))
        return appender.append(shard_of(ledger, SHARDS), Written(ledger, events))

    def write_many(self, number: int, *, ledger: str = "acme/main", batch: int = 500) -> None:
        """Append so many events to ten streams, in batches."""
        streams = [f"stock-A-{each % 10}@WH" for each in range(number)]
        for start in range(0, number, batch):
            self.write(*streams[start : start + batch], ledger=ledger)

    def _next_version(self, ledger: str, stream: str) -> int:
        version = self._versions.get((ledger, stream), 0) + 1
        self._versions[ledger, stream] = version
        return version
