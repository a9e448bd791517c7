"""`restore`: an archive into an empty, migrated store, in one transaction.

A process that dies anywhere leaves the store as empty as it was; the restore begins again. Read
models, topics and snapshots are not archived: relay and projectors make them from the log.

The store becomes the archived one, in the next epoch (docs/decisions/0009): an archive is older
than what Kafka, Redis or ClickHouse may have seen of the store, so nothing of theirs is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from typing import Any, Final

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import Connection
from psycopg.rows import TupleRow

from eventlog.chain import microseconds
from eventlog.crash_points import crash_point
from eventlog.log import RecordedEvent
from eventlog.postgres.connections import CONNECT_SECONDS_MAX, KEEPALIVE
from eventlog.postgres.rows import COPY_END, COPY_EVENTS, COPY_START
from replay.archive.faults import NotEmptyError, OtherStoreError
from replay.archive.manifest import FileEntry, Manifest, by_shard
from replay.archive.proof import Progress, Proof
from replay.archive.tables import (
    API_KEYS,
    COMMAND_KEYS,
    LEDGERS,
    SIGNED_HEADS,
    SUBJECTS,
    TENANTS,
    Table,
    rows_of,
)
from replay.archive.target import Target
from replay.archive.walk import Link

BLOCK_ROWS: Final = 256
PROGRESS_EVENTS: Final = 5_000
LOCK_MILLISECONDS_MAX: Final = 3_000
COLUMN_COUNT: Final = Struct(">h").pack(14)
ROW_TAIL: Final = Struct(">IqIqI32sIhIq").pack
POSTGRES_EPOCH_US: Final = microseconds(datetime(2000, 1, 1, tzinfo=UTC))
IN_USE: Final = """
SELECT application_name FROM pg_stat_activity
WHERE datname = current_database() AND usename IN ('backstock_log', 'backstock_read')
    AND pid <> pg_backend_pid()
ORDER BY 1 LIMIT 1
"""
HOLDS: Final = """
SELECT name FROM (VALUES
    ('events', EXISTS (SELECT FROM events)),
    ('command keys', EXISTS (SELECT FROM command_keys)),
    ('signed heads', EXISTS (SELECT FROM signed_heads)),
    ('subjects', EXISTS (SELECT FROM subjects)),
    ('read models', EXISTS (SELECT FROM projection_checkpoints WHERE position > 0))
) AS found (name, there) WHERE there
"""
# As decision 9 has it, but for the epoch, which is the archive's next one.
NEXT_EPOCH: Final = """
UPDATE projection_checkpoints SET epoch = %s WHERE (projection, version) IN
    (SELECT projection, version FROM projections WHERE store = 'postgres')
"""
# A development stack has made its own tenant, ledger and key already.
UPSERTS: Final = (
    (TENANTS, "tenant"),
    (LEDGERS, "ledger"),
    (API_KEYS, "key_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """`heads_left_out` were signed with another key than the store's, and stay in the archive."""

    store_id: str
    epoch: int
    events: int
    command_keys: int
    ledgers: int
    signed_heads: int
    heads_left_out: int
    unproven: int
    signed_by: str


def restore(
    target: Target,
    *,
    admin_dsn: str,
    key_id: str | None,
    trusted: Ed25519PublicKey | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Restored:
    """Restore all or nothing. `key_id` names the key that the store signs its heads with.

    Every role must be stopped. Raises `ArchiveError`s and psycopg's own; then nothing was changed.
    """
    proof = Proof.of(target, trusted)
    manifest = proof.manifest
    with _connected(admin_dsn) as connection:
        epoch = _refuse_unfit(target, manifest, connection)
        for table, key in UPSERTS:
            _upsert(connection, table, key, _rows(target, [manifest.tables[table.name]], table))
        subjects = [manifest.tables[SUBJECTS.name]]
        _copy(connection, SUBJECTS, _rows(target, subjects, SUBJECTS))
        _copy_events(connection, proof, progress)
        keys = _copy(connection, COMMAND_KEYS, _counted_keys(proof))
        heads = sum(each.rows for each in manifest.signed_heads)
        signed = _copy(connection, SIGNED_HEADS, _signed_by(key_id, target, manifest))
        _, unproven = proof.conclude()
        _become(connection, manifest, epoch)
        crash_point("archive.before_commit")
    with _connected(admin_dsn, autocommit=True) as connection:
        connection.execute("ANALYZE events, command_keys, ledgers, signed_heads")
    return Restored(
        store_id=str(manifest.store_id),
        epoch=epoch,
        events=sum(each.rows for each in manifest.events),
        command_keys=keys,
        ledgers=manifest.tables[LEDGERS.name].rows,
        signed_heads=signed,
        heads_left_out=heads - signed,
        unproven=unproven,
        signed_by=proof.signed_by,
    )


def _connected(dsn: str, *, autocommit: bool = False) -> Connection[TupleRow]:
    return psycopg.connect(
        dsn,
        autocommit=autocommit,
        connect_timeout=CONNECT_SECONDS_MAX,
        application_name="backstock-archive",
        options=f"-c timezone=UTC -c row_security=off -c lock_timeout={LOCK_MILLISECONDS_MAX}",
        **KEEPALIVE,  # type: ignore[arg-type]
    )


def _refuse_unfit(target: Target, manifest: Manifest, connection: Connection[TupleRow]) -> int:
    """The epoch to restore into; raises unless the store is empty, unused and of as many shards."""
    where = f"the database {connection.info.dbname}"
    # Whoever wants to append waits here, and finds another epoch.
    shards = connection.execute("SELECT shard FROM shards ORDER BY shard FOR UPDATE").rowcount
    if user := connection.execute(IN_USE).fetchone():
        reason = f"is in use by {user[0] or 'a client'}: stop every role before restoring into it"
        raise NotEmptyError(where, reason)
    refuse_filled(connection)
    if shards != manifest.shards:
        reason = (
            f"was written with {manifest.shards} shards, this store has {shards} for ever: make a"
            f" new one with BACKSTOCK_SHARDS={manifest.shards}"
        )
        raise OtherStoreError(target.name, reason)
    (row,) = connection.execute("SELECT epoch FROM store_identity").fetchall()
    return 1 + max(manifest.epoch, int(row[0]))


def refuse_filled(connection: Connection[TupleRow]) -> None:
    """Raise `NotEmptyError` for a store in which anything has happened."""
    held = [name for (name,) in connection.execute(HOLDS)]
    if held:
        reason = f"is not empty, it holds {', '.join(held)}: restore into a new one"
        raise NotEmptyError(f"the database {connection.info.dbname}", reason)


def _become(connection: Connection[TupleRow], manifest: Manifest, epoch: int) -> None:
    """Move the shards' heads, and take the archived store's name in its next epoch."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE shards SET position = %s WHERE shard = %s",
            [
                (segments[-1].last_shard_position, shard)
                for shard, segments in by_shard(manifest.events).items()
            ],
        )
    connection.execute(
        "UPDATE store_identity SET store_id = %s, epoch = %s", (manifest.store_id, epoch)
    )
    connection.execute(NEXT_EPOCH, (epoch,))


def _copy_events(connection: Connection[TupleRow], proof: Proof, progress: Progress) -> None:
    total, done = sum(each.rows for each in proof.manifest.events), 0
    for segment in proof.segments():
        with connection.cursor() as cursor, cursor.copy(COPY_EVENTS) as copy:
            copy.write(COPY_START)
            rows: list[bytes] = []
            for event, link in proof.events(segment):
                rows += packed(event, link)
                done += 1
                if done % BLOCK_ROWS == 0:
                    copy.write(b"".join(rows))
                    rows.clear()
                if done % PROGRESS_EVENTS == 0:
                    progress(done, total)
            copy.write(b"".join(rows) + COPY_END)
        crash_point("archive.segment_copied")
    progress(total, total)


def packed(event: RecordedEvent, link: Link) -> tuple[bytes, bytes, bytes]:
    """The event as a row of COPY_EVENTS; its first nine columns were packed for the chain."""
    tail = ROW_TAIL(
        8,
        link.occurred_us - POSTGRES_EPOCH_US,
        8,
        link.recorded_us - POSTGRES_EPOCH_US,
        32,
        event.chain_hash,
        2,
        event.shard,
        8,
        event.shard_position,
    )
    return COLUMN_COUNT, link.fields, tail


def _rows(target: Target, entries: Sequence[FileEntry], table: Table) -> Iterator[tuple[Any, ...]]:
    for entry in entries:
        for batch in target.batches(entry, table.schema):
            yield from rows_of(batch)


def _counted_keys(proof: Proof) -> Iterator[tuple[Any, ...]]:
    for entry in proof.manifest.command_keys:
        for batch in proof.target.batches(entry, COMMAND_KEYS.schema):
            proof.count_keys(iter(batch.column("ledger").to_pylist()))
            yield from rows_of(batch)


def _signed_by(key_id: str | None, target: Target, manifest: Manifest) -> Iterator[tuple[Any, ...]]:
    """The heads that the store's own key has signed: it could not prove another's."""
    at = SIGNED_HEADS.schema.names.index("key_id")
    for row in _rows(target, manifest.signed_heads, SIGNED_HEADS):
        if row[at] == key_id:
            yield row


def _copy(connection: Connection[TupleRow], table: Table, rows: Iterator[tuple[Any, ...]]) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(table.copy) as copy:
            copy.set_types(table.types)
            for row in rows:
                copy.write_row(row)
        return cursor.rowcount


def _upsert(
    connection: Connection[TupleRow], table: Table, key: str, rows: Iterator[tuple[Any, ...]]
) -> None:
    values = ", ".join("%s" for _ in table.schema)
    others = ", ".join(f"{name} = excluded.{name}" for name in table.schema.names if name != key)
    query = (
        f"INSERT INTO {table.name} ({table.columns}) VALUES ({values})"  # noqa: S608 - constants
        f" ON CONFLICT ({key}) DO UPDATE SET {others}"
    )
    with connection.cursor() as cursor:
        cursor.executemany(query.encode(), rows)
