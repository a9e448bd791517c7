"""Checkpoints kept in PostgreSQL: read, and moved inside the caller's own transaction."""

from typing import Any

from psycopg import Connection

from eventlog.projection import Batch, Checkpoint, EpochMismatchError, StaleCheckpointError

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
    """Move the checkpoint and the ledgers' marks over `batch`, and note when.

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
        "ledgers": list(batch.ledgers),
        "tenants": [mark.tenant for mark in batch.ledgers.values()],
        "positions": [mark.position for mark in batch.ledgers.values()],
        "recorded": [mark.recorded_at for mark in batch.ledgers.values()],
    }
    if connection.execute(ADVANCE, values).rowcount != 1:
        raise StaleCheckpointError(projection, version, batch.shard, batch.after)
    connection.execute(MARK_LEDGERS, values)
    connection.execute(NOTE_APPLY, values)
