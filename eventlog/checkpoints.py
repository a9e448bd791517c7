"""Checkpoints kept in PostgreSQL: read, and moved inside the caller's own transaction."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from eventlog.projection import (
    Batch,
    Checkpoint,
    EpochMismatchError,
    LedgerMark,
    StaleCheckpointError,
)

ADVANCE = """
UPDATE projection_checkpoints
   SET position = %(last)s, recorded_at = %(recorded_at)s, applied_at = clock_timestamp()
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   AND epoch = %(epoch)s AND position = %(after)s
"""
MARK_LEDGERS = """
INSERT INTO projection_ledgers AS mark (projection, version, ledger, tenant, position, recorded_at)
SELECT %(projection)s, %(version)s, new.*
  FROM unnest(%(ledgers)s::text[], %(tenants)s::text[], %(positions)s::bigint[],
              %(recorded)s::timestamptz[]) AS new (ledger, tenant, position, recorded_at)
    ON CONFLICT (projection, version, ledger) DO UPDATE
   SET position = excluded.position, recorded_at = excluded.recorded_at
 WHERE mark.position < excluded.position
"""
# A rebuild applies again what was applied long ago: the first time is what lag is counted to.
NOTE_APPLY = """
INSERT INTO projection_applies (projection, version, shard, position, applied_at)
SELECT %(projection)s, %(version)s, %(shard)s, %(last)s, clock_timestamp()
 WHERE NOT EXISTS (
       SELECT FROM projection_applies
        WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
          AND position >= %(last)s)
"""


def ensure_checkpoints(
    connection: Connection[Any], projection: str, version: int, *, epoch: int, shards: int
) -> None:
    """Make the rows of a new projection, at position 0; those that exist stay as they are."""
    connection.execute(
        "INSERT INTO projection_checkpoints (projection, version, shard, epoch) "
        "SELECT %s, %s, shard, %s FROM generate_series(0, %s - 1) AS shard ON CONFLICT DO NOTHING",
        (projection, version, epoch, shards),
    )


def read_checkpoint(
    connection: Connection[Any], projection: str, version: int, shard: int, *, epoch: int
) -> Checkpoint:
    """The checkpoint of one shard. Raises `EpochMismatchError` when it is of another epoch."""
    row = connection.execute(
        "SELECT epoch, position FROM projection_checkpoints "
        "WHERE projection = %s AND version = %s AND shard = %s",
        (projection, version, shard),
    ).fetchone()
    found, position = row or (epoch, 0)
    if found != epoch:
        raise EpochMismatchError(f"{projection} v{version}, shard {shard},", found, epoch)
    return Checkpoint(epoch=epoch, position=position)


def advance_checkpoint(
    connection: Connection[Any], projection: str, version: int, batch: Batch
) -> None:
    """Move the checkpoint and the ledgers' marks over `batch`.

    Belongs in the transaction that writes the batch's data; takes the row's lock, so call it first
    to make a zombie lose before it has written anything. Raises `StaleCheckpointError`.
    """
    values = {
        "projection": projection,
        "version": version,
        "shard": batch.shard,
        "epoch": batch.epoch,
        "after": batch.after,
        "last": batch.last,
        "recorded_at": batch.recorded_at,
    }
    if connection.execute(ADVANCE, values).rowcount != 1:
        raise StaleCheckpointError(projection, version, batch.shard, batch.after)
    mark_ledgers(connection, projection, version, batch.ledgers)


def mark_ledgers(
    connection: Connection[Any], projection: str, version: int, marks: Mapping[str, LedgerMark]
) -> None:
    """Tell readers how far each of these ledgers is shown; a mark never goes back."""
    values = {
        "projection": projection,
        "version": version,
        "ledgers": list(marks),
        "tenants": [mark.tenant for mark in marks.values()],
        "positions": [mark.position for mark in marks.values()],
        "recorded": [mark.recorded_at for mark in marks.values()],
    }
    connection.execute(MARK_LEDGERS, values)


def note_apply(
    connection: Connection[Any], projection: str, version: int, *, shard: int, last: int
) -> None:
    """Note that the shard is applied up to `last` as of now: lag is counted to this instant.

    Call it last before the commit that lets readers see the data.
    """
    values = {"projection": projection, "version": version, "shard": shard, "last": last}
    connection.execute(NOTE_APPLY, values)
