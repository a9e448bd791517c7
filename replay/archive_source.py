"""History from an archive, and what is younger than it from the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from eventlog.log import RecordedEvent
from eventlog.postgres.connections import borrowed, open_log_pool
from eventlog.postgres.identity import StoreIdentity
from eventlog.postgres.reader import PostgresReader
from replay.archive.faults import OtherStoreError
from replay.archive.manifest import Segment, tails_of
from replay.archive.reader import ArchiveReader
from replay.archive.target import Target
from replay.bulk.reader_source import ReaderPages

# A store that was restored from a backup keeps its id, and goes on with another history.
APART: Final = """
SELECT archived.ledger, archived.position
  FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) AS archived (ledger, position, hash)
  LEFT JOIN events AS stored
         ON stored.ledger = archived.ledger AND stored.ledger_position = archived.position
 WHERE stored.chain_hash IS DISTINCT FROM archived.hash
 ORDER BY archived.ledger LIMIT 1
"""


class ArchiveThenStore(PostgresReader):
    """A `LogReader`: a shard's positions that the archive has are read there."""

    def of_archive(
        self, path: str, identity: StoreIdentity, public_key: bytes | None = None
    ) -> ArchiveThenStore:
        """Itself. Raises `ArchiveError`s, also for an archive of another history, and for one that
        `public_key` (Ed25519, raw) has not signed.
        """
        target = Target.of(path)
        trusted = None if public_key is None else Ed25519PublicKey.from_public_bytes(public_key)
        self._archive = ArchiveReader(target, trusted)
        if self._archive.manifest.store_id != identity.store_id:
            raise OtherStoreError(target.name, "is the archive of another store")
        self._compare(target.name, self._archive.manifest.events)
        return self

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        if after < self._archive.shard_position(shard):
            return self._archive.read_shard(shard, after, limit)
        return super().read_shard(shard, after, limit)

    def _compare(self, where: str, segments: Sequence[Segment]) -> None:
        tails = tails_of(segments)
        values = (
            list(tails),
            [tail.position for tail in tails.values()],
            [tail.chain_hash for tail in tails.values()],
        )
        with borrowed(self._pool) as connection:
            rows = connection.execute(APART, values).fetchall()
        for ledger, position in rows:
            raise OtherStoreError(
                where,
                f"its event {position} of {ledger} is not the one in the store: this archive is of"
                " another history (a store restored from an older backup has one of its own);"
                " `--from store`, or write a new archive",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSource:
    """`Source` for workers. `dsn` has a password in it."""

    path: str
    identity: StoreIdentity
    dsn: str = field(repr=False)
    public_key: bytes | None = None

    def open(self) -> ReaderPages:
        pool = open_log_pool(self.dsn, size=2, name="backstock-replay-worker")
        reader = ArchiveThenStore(pool).of_archive(self.path, self.identity, self.public_key)
        return ReaderPages(reader, closing=pool.close)
