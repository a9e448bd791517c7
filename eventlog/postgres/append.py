"""The one way into the log: a batch is decided and written while its shard's head is locked.

The lock is the first statement, and it goes to the server in one round trip with all that the
decision has to know: what others appended meanwhile, the ledgers' heads, the answers that are
stored already. Each of these statements takes a snapshot of its own after the lock was won (READ
COMMITTED), so it sees everything that was committed before. Lock order is commit order is position
order; a rollback leaves no hole, for positions are given out under the lock and kept in the head.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from time import monotonic
from typing import ClassVar

import psycopg
from psycopg import Connection, errors
from psycopg.rows import TupleRow
from psycopg_pool import PoolClosed, PoolTimeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay

from eventlog.crash_points import crash_point
from eventlog.log import (
    Appended,
    AppendRejectedError,
    AppendUnknownError,
    Decided,
    Decision,
    LedgerHead,
    LogGapError,
    LogUnavailableError,
    RecordedEvent,
    ShardBusyError,
    StoredAnswer,
)
from eventlog.postgres.answers import ANSWERS, stored_answers
from eventlog.postgres.connections import Pool
from eventlog.postgres.faults import fault_of
from eventlog.postgres.heads import HEADS, ledger_head_of
from eventlog.postgres.reader import SHARD, PostgresReader
from eventlog.postgres.rows import (
    COPY_EVENTS,
    COPY_KEYS,
    LedgerTail,
    pack_events,
    pack_keys,
    recorded_event,
)
from eventlog.postgres.stalls import end_stalled_holder

# More than this is caught up with before the lock is taken again.
CATCH_UP_LOCKED_MAX = 1_000
CATCH_UP_PAGE = 5_000
ATTEMPTS_MAX = 5
# No attempt starts later than this; the last one may wait for the lock once more: 5 s at the most.
RETRY_SECONDS_MAX = 3.3

# Said aloud: at any other level the statements behind the lock would look at an older snapshot.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
MOVE_SHARD = "UPDATE shards SET position = %s WHERE shard = %s"
MOVE_LEDGERS = """
    UPDATE ledgers AS l SET position = m.position, chain_hash = m.chain_hash, recorded_at = %s
    FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) AS m (ledger, position, chain_hash)
    WHERE l.ledger = m.ledger
"""


class _ConnectionLostError(LogUnavailableError):
    """The session ended before its commit was sent: safe to try again on another."""


class _FarBehindError(ShardBusyError):
    """The decision's state was too old to be brought up under the lock; now it is fresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locked:
    """What the lock's round trip brought: the shard's position and all that belongs to it."""

    position: int
    missed: Sequence[RecordedEvent]
    heads: Mapping[str, LedgerHead]
    answers: Mapping[tuple[str, str], StoredAnswer]


class PostgresAppender:
    """An `Appender` over the log role's pool. `clock` returns the instant as aware UTC."""

    LOCK_HEAD: ClassVar[str] = "SELECT position FROM shards WHERE shard = %s FOR UPDATE"

    def __init__(self, pool: Pool, *, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._clock = clock
        self._reader = PostgresReader(pool)

    def append(self, shard: int, decision: Decision) -> Appended:
        """See `Appender.append`. Blocks 5 s at the most, plus what the batch itself takes."""
        started = monotonic()
        for attempt in Retrying(
            retry=retry_if_exception_type((ShardBusyError, _ConnectionLostError)),
            stop=stop_after_attempt(ATTEMPTS_MAX) | stop_after_delay(RETRY_SECONDS_MAX),
            reraise=True,
        ):
            with attempt:
                return self._try(shard, decision, started)
        raise AssertionError("tenacity either returns or raises")

    def _try(self, shard: int, decision: Decision, started: float) -> Appended:
        try:
            with self._pool.connection() as connection:
                locked = self._lock(connection, shard, decision)
                if _catch_up(shard, decision, locked):
                    return self._write(connection, shard, decision, locked)
                connection.rollback()
        except (PoolTimeout, PoolClosed) as error:
            raise LogUnavailableError(str(error)) from error
        except errors.LockNotAvailable as error:
            end_stalled_holder(self._pool, shard)
            raise ShardBusyError(shard, monotonic() - started) from error
        except psycopg.Error as error:
            if connection.closed:
                self._pool.drain()
                raise _ConnectionLostError(str(error).strip()) from error
            raise fault_of(error) from error
        self._catch_up_unlocked(shard, decision, locked.position)
        raise _FarBehindError(shard, monotonic() - started)

    def _lock(self, connection: Connection[TupleRow], shard: int, decision: Decision) -> _Locked:
        known = decision.known_position
        keys: dict[str, list[str]] = {}
        for ledger, key in decision.keys:
            keys.setdefault(ledger, []).append(key)
        missed, heads = connection.cursor(binary=True), connection.cursor(binary=True)
        answers = {ledger: connection.cursor(binary=True) for ledger in keys}
        with connection.pipeline():
            connection.execute(BEGIN)
            head = connection.execute(self.LOCK_HEAD, (shard,), prepare=True)
            if known is not None:
                missed.execute(SHARD, (shard, known, CATCH_UP_LOCKED_MAX), prepare=True)
            heads.execute(HEADS, (list(decision.ledgers),), prepare=True)
            for ledger, cursor in answers.items():
                cursor.execute(ANSWERS, (ledger, keys[ledger]), prepare=True)
        row = head.fetchone()
        if row is None:
            raise LookupError(f"this store has no shard {shard}")
        crash_point("append.locked")
        return _Locked(
            position=row[0],
            missed=[] if known is None else [recorded_event(each) for each in missed],
            heads={each[0]: ledger_head_of(each) for each in heads},
            answers=stored_answers(chain.from_iterable(answers.values())),
        )

    def _catch_up_unlocked(self, shard: int, decision: Decision, position: int) -> None:
        while (known := decision.known_position) is not None and known < position:
            decision.catch_up(self._reader.read_shard(shard, known, CATCH_UP_PAGE))

    def _write(
        self, connection: Connection[TupleRow], shard: int, decision: Decision, locked: _Locked
    ) -> Appended:
        for head in locked.heads.values():
            if head.shard != shard:
                raise ValueError(f"ledger {head.ledger!r} lives in shard {head.shard}, not {shard}")
        recorded_at = max([self._clock(), *(head.recorded_at for head in locked.heads.values())])
        decided = decision.decide(locked.heads, locked.answers, recorded_at)
        tails = _tails(decided, locked.heads)
        position = locked.position
        if decided.events or decided.keys:
            try:
                if decided.events:
                    rows = pack_events(shard, position, decided.events, tails, recorded_at)
                    _copy(connection, COPY_EVENTS, rows)
                if decided.keys:
                    _copy(connection, COPY_KEYS, [pack_keys(decided.keys, tails, recorded_at)])
            except (struct.error, UnicodeEncodeError) as error:
                raise AppendRejectedError(None, str(error)) from error
            position += len(decided.events)
            crash_point("append.copied")
            _commit(connection, shard, position, tails, recorded_at)
            crash_point("append.committed")
        else:
            connection.rollback()
        return Appended(
            shard=shard,
            first_shard_position=locked.position + 1,
            last_shard_position=position,
            recorded_at=recorded_at,
            ledger_first_positions={
                ledger: tail.first_position
                for ledger, tail in tails.items()
                if tail.position >= tail.first_position
            },
        )


def _catch_up(shard: int, decision: Decision, locked: _Locked) -> bool:
    """Bring the decision's state up to the head; False when it is too far behind for that.

    Folding exactly as many events as the head moved is a gap check on every append.
    """
    known = decision.known_position
    if known is None:
        return True
    for expected, event in enumerate(locked.missed, start=known + 1):
        if event.shard_position != expected:
            raise LogGapError(shard, expected, event.shard_position)
    folded = known + len(locked.missed)
    if folded != locked.position and len(locked.missed) < CATCH_UP_LOCKED_MAX:
        raise LogGapError(shard, locked.position, folded)
    if locked.missed:
        decision.catch_up(locked.missed)
    return folded == locked.position


def _tails(decided: Decided, heads: Mapping[str, LedgerHead]) -> dict[str, LedgerTail]:
    """The ledgers that are written to; every event of a ledger with keys belongs to one of them."""
    written = Counter(event.ledger for event in decided.events)
    claimed: Counter[str] = Counter()
    for row in decided.keys:
        claimed[row.ledger] += row.event_count
    for ledger in written.keys() | claimed.keys():
        if ledger not in heads:
            raise ValueError(f"ledger {ledger!r} was not among those that were locked")
        if ledger in claimed and claimed[ledger] != written[ledger]:
            raise ValueError(
                f"keys of {ledger!r} claim {claimed[ledger]} of {written[ledger]} events"
            )
    return {ledger: LedgerTail.of(heads[ledger]) for ledger in written.keys() | claimed.keys()}


def _copy(connection: Connection[TupleRow], statement: str, blocks: Iterable[bytes]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in blocks:
            copy.write(block)
        crash_point("append.copying")


def _commit(
    connection: Connection[TupleRow],
    shard: int,
    position: int,
    tails: Mapping[str, LedgerTail],
    recorded_at: datetime,
) -> None:
    """Move the heads and commit, in one round trip: an error before the commit leaves it out."""
    moved = {ledger: tail for ledger, tail in tails.items() if tail.position >= tail.first_position}
    try:
        with connection.pipeline():
            if moved:
                connection.execute(MOVE_SHARD, (position, shard), prepare=True)
                connection.execute(
                    MOVE_LEDGERS,
                    (
                        recorded_at,
                        list(moved),
                        [tail.position for tail in moved.values()],
                        [tail.chain_hash for tail in moved.values()],
                    ),
                    prepare=True,
                )
            connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise AppendUnknownError(str(error).strip()) from error
        raise
