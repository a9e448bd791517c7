"""Where every shard stands, in one statement: what relays and consumers poll."""

from __future__ import annotations

from collections.abc import Mapping

from eventlog.postgres.connections import Pool, borrowed


def shard_positions(pool: Pool) -> Mapping[int, int]:
    """The last committed position of every shard. Raises `LogUnavailableError`."""
    with borrowed(pool) as connection:
        return dict(connection.execute("SELECT shard::integer, position FROM shards").fetchall())
