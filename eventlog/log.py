"""The log's words: what is stored, what is about to be, and the contracts of appender and reader.

Two spaces of numbers: a *shard position* orders everything in one shard (and its Kafka partition)
and stays inside our processes; a *ledger position* (1, 2, 3 … without a hole) is what the outside
sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from msgspec import Struct

GENESIS_HASH = bytes(32)


# Structs, not dataclasses: every part builds one per event it reads, and a frozen dataclass of
# fourteen fields takes 2.6 µs for that where a struct takes 0.15 µs.
class RecordedEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One row of the log, with exactly the bytes that were hashed. Times are aware UTC, in µs."""

    shard: int
    shard_position: int
    tenant: str
    ledger: str
    ledger_position: int
    stream: str
    stream_version: int
    event_id: UUID
    type: str
    data: bytes
    metadata: bytes
    occurred_at: datetime
    recorded_at: datetime
    chain_hash: bytes


class PassedEvent(Struct, frozen=True, kw_only=True, gc=False):
    """What a consumer must know of an event that is of no concern to it: how far it takes it."""

    shard: int
    shard_position: int
    tenant: str
    ledger: str
    ledger_position: int
    type: str
    recorded_at: datetime


ArrivedEvent: TypeAlias = RecordedEvent | PassedEvent


class NewEvent(Struct, frozen=True, kw_only=True, gc=False):
    """An event that was decided and has no position yet."""

    ledger: str
    stream: str
    stream_version: int
    event_id: UUID
    type: str
    data: bytes
    metadata: bytes
    occurred_at: datetime


class KeyRow(Struct, frozen=True, kw_only=True, gc=False):
    """What a command key led to, for ever: `answer` is the exact bytes every retry gets.

    `event_count` events of this command stand next to each other in the ledger (0 for a refusal).
    """

    ledger: str
    key: str
    body_hash: bytes
    accepted: bool
    answer: bytes
    event_count: int


class StoredAnswer(Struct, frozen=True, kw_only=True, gc=False):
    body_hash: bytes
    accepted: bool
    answer: bytes
    first_position: int | None
    last_position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHead:
    """The ledger's last position, under the shard's lock. `recorded_at` never goes backwards."""

    ledger: str
    tenant: str
    shard: int
    position: int
    chain_hash: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A ledger's head as published: `signature` is Ed25519, by the key that `key_id` names."""

    ledger: str
    tenant: str
    position: int
    chain_hash: bytes
    recorded_at: datetime
    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A stream folded up to `stream_version`; `format` names the code that can read `state`."""

    ledger: str
    stream: str
    stream_version: int
    format: str
    state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What one append writes: events in ledger order per ledger, and their commands' key rows.

    Within a ledger, the events of key row n come before those of key row n+1.
    """

    events: Sequence[NewEvent]
    keys: Sequence[KeyRow]


class Decision(Protocol):
    """The caller's half of an append: everything that happens while the shard's head is locked."""

    @property
    def ledgers(self) -> Sequence[str]:
        """Every ledger this append may write to; all of one shard."""

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        """The (ledger, key) pairs to look up under the lock."""

    @property
    def known_position(self) -> int | None:
        """The shard position up to which the caller's state is folded; None when it keeps none.

        May change between attempts.
        """

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        """Fold what others appended since `known_position`: contiguous, in shard order.

        Moves `known_position` to the last of them. Must not raise.
        """

    def decide(
        self,
        heads: Mapping[str, LedgerHead],
        answers: Mapping[tuple[str, str], StoredAnswer],
        recorded_at: datetime,
    ) -> Decided:
        """Decide against the state at the head; what it raises rolls back and reaches the caller.

        Pure but for the caller's own memory; may be called again after a failed attempt, so it must
        not keep anything of an attempt that was not confirmed. `heads` lacks a ledger that does not
        exist. `recorded_at` is max(clock, every involved head's recorded_at): the instant these
        events will bear.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """`first`/`last` shard position of the append (last < first when no event was written), and
    for each ledger the position of its first new event.
    """

    shard: int
    first_shard_position: int
    last_shard_position: int
    recorded_at: datetime
    ledger_first_positions: Mapping[str, int]


class Appender(Protocol):
    """Blocks; thread-safe; one transaction per call."""

    def append(self, shard: int, decision: Decision) -> Appended:
        """Lock the shard's head, catch up, decide, write events, chain, heads and key rows, commit.

        Nothing was written when it raises `ShardBusyError` (the head could not be locked in time),
        `LogUnavailableError`, `StreamVersionConflict` (a stream's version is taken),
        `AppendRejectedError` (the database would not take these rows) or what `decide` raised. All
        or nothing was written at `AppendUnknownError` (the commit's answer was lost): the same
        keys, sent again, tell.
        """


class LogReader(Protocol):
    """Reads committed events. Blocks; restartable; never sees a position before all lower ones.

    Everything raises `LogUnavailableError`.
    """

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        """Events with shard position in (after, after + limit], contiguous."""

    def read_ledger(self, ledger: str, after: int, limit: int) -> Sequence[RecordedEvent]:
        """Events with ledger position in (after, after + limit], contiguous."""

    def read_stream(self, ledger: str, stream: str, after_version: int) -> Iterator[RecordedEvent]:
        """The stream's events with version > after_version, in order, paged inside."""

    def read_streams(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[RecordedEvent]:
        """The tails of many (ledger, stream, after_version), each in version order."""

    def shard_position(self, shard: int) -> int:
        """The shard's last committed position; 0 when empty."""


class SnapshotStore(Protocol):
    """A cache of folded streams: losing it costs time, never truth. Blocks.

    Everything raises `LogUnavailableError`.
    """

    def load(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Snapshot]:
        """The snapshots there are of these (ledger, stream)s."""

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """Keep these, each unless a higher version is there already."""


class StreamVersionConflict(Exception):
    def __init__(self, ledger: str, stream: str) -> None:
        super().__init__(f"a version of stream {stream!r} in ledger {ledger!r} was taken meanwhile")
        self.ledger = ledger
        self.stream = stream


class ShardBusyError(Exception):
    def __init__(self, shard: int, waited_seconds: float) -> None:
        super().__init__(f"shard {shard} stayed locked for {waited_seconds:.1f} s")
        self.shard = shard
        self.waited_seconds = waited_seconds


class LogUnavailableError(Exception):
    """The log's database is out of reach, or left before the commit was sent: nothing written."""


class AppendRejectedError(Exception):
    """The database would not take these rows; a smaller part of the batch may still be fine."""

    def __init__(self, sqlstate: str | None, detail: str) -> None:
        super().__init__(f"the database refused the rows ({sqlstate}): {detail}")
        self.sqlstate = sqlstate
        self.detail = detail


class AppendUnknownError(Exception):
    """The connection broke before the commit's answer came: the same keys, sent again, tell."""


class LogGapError(Exception):
    """Positions that should be contiguous are not: stop, and run `backstock verify`."""

    def __init__(self, shard: int, expected: int, found: int) -> None:
        super().__init__(f"shard {shard}: position {expected} was due, {found} was found")
        self.shard = shard
        self.expected = expected
        self.found = found
