"""Folded streams, so that a cold process need not read a stream from its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eventlog.log import Snapshot
from eventlog.postgres.connections import Pool, borrowed

LOAD = """
    SELECT s.ledger, s.stream, s.stream_version, s.format, s.state
    FROM unnest(%s::text[], %s::text[]) AS wanted (ledger, stream)
    JOIN snapshots AS s ON s.ledger = wanted.ledger AND s.stream = wanted.stream
"""
SAVE = """
    INSERT INTO snapshots (ledger, stream, tenant, stream_version, format, state)
    SELECT s.ledger, s.stream, split_part(s.ledger, '/', 1), s.stream_version, s.format, s.state
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::bytea[])
        AS s (ledger, stream, stream_version, format, state)
    ORDER BY s.ledger, s.stream
    ON CONFLICT (ledger, stream) DO UPDATE SET
        stream_version = excluded.stream_version, format = excluded.format, state = excluded.state
    WHERE excluded.stream_version > snapshots.stream_version
"""


class PostgresSnapshots:
    """A `SnapshotStore` over the log role's pool. Takes no part in any append's transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def load(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Snapshot]:
        if not wanted:
            return {}
        ledgers, streams = zip(*wanted, strict=True)
        with borrowed(self._pool) as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(LOAD, (list(ledgers), list(streams)), prepare=True)
            return {
                (ledger, stream): Snapshot(
                    ledger=ledger, stream=stream, stream_version=version, format=form, state=state
                )
                for ledger, stream, version, form, state in cursor
            }

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        # One row a stream: an upsert may not touch the same row twice.
        latest = {
            (each.ledger, each.stream): each
            for each in sorted(snapshots, key=lambda each: each.stream_version)
        }.values()
        with borrowed(self._pool) as connection:
            connection.execute(
                SAVE,
                (
                    [each.ledger for each in latest],
                    [each.stream for each in latest],
                    [each.stream_version for each in latest],
                    [each.format for each in latest],
                    [each.state for each in latest],
                ),
            )
