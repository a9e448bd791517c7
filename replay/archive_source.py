"""History from an archive, and what is younger than it from the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from eventlog.log import RecordedEvent
from eventlog.postgres.connections import open_log_pool
from eventlog.postgres.identity import StoreIdentity
from eventlog.postgres.reader import PostgresReader
from replay.archive.faults import TargetError
from replay.archive.reader import ArchiveReader
from replay.archive.target import Target
from replay.bulk.reader_source import ReaderPages


class ArchiveThenStore(PostgresReader):
    """A `LogReader`: a shard's positions that the archive has are read there."""

    def of_archive(self, path: str, identity: StoreIdentity) -> ArchiveThenStore:
        """Itself. Raises `ArchiveError`s, also for an archive of another store."""
        self._archive = ArchiveReader(Target.of(path))
        if self._archive.manifest.store_id != identity.store_id:
            raise TargetError(path, "is the archive of another store")
        return self

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        if after < self._archive.shard_position(shard):
            return self._archive.read_shard(shard, after, limit)
        return super().read_shard(shard, after, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSource:
    """`Source` for workers. `dsn` has a password in it."""

    path: str
    identity: StoreIdentity
    dsn: str = field(repr=False)

    def open(self) -> ReaderPages:
        pool = open_log_pool(self.dsn, size=2, name="backstock-replay-worker")
        reader = ArchiveThenStore(pool).of_archive(self.path, self.identity)
        return ReaderPages(reader, closing=pool.close)
