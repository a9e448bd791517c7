"""`documents`: folds the streams of some kinds into one row each, in one table of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from eventlog.log import RecordedEvent
from eventlog.postgres.connections import Pool
from eventlog.projection import Batch, Checkpoint
from projections.documents.fold import begun_earlier, document_facts, fold, later_than
from projections.documents.kinds import DOCUMENT_STORED
from projections.documents.tables import Tables, places
from projections.postgres import Checkpoints


class Documents:
    """A `Projection`. Data and checkpoint move in one transaction."""

    name = "documents"
    handles = DOCUMENT_STORED

    def __init__(self, pool: Pool, *, epoch: int, version: int = 1) -> None:
        self.version = version
        self._checkpoints = Checkpoints(pool, self.name, version, epoch=epoch)
        self._tables = Tables(**places(version))

    def checkpoint(self, shard: int) -> Checkpoint:
        return self._checkpoints.read(shard)

    def apply(self, batch: Batch) -> None:
        facts = document_facts(batch.events)
        with self._checkpoints.applying(batch) as connection:
            rows = self._tables.read(connection, begun_earlier(facts))
            fold(rows, facts)
            self._tables.write(connection, rows.values())

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        facts = document_facts(events)
        with self._checkpoints.transaction() as connection:
            rows = self._tables.read(connection, list(facts))
            fold(rows, later_than(rows, facts))
            self._tables.write(connection, rows.values())

    def rebuild(self) -> None:
        """Forget everything; the next run folds the log from its beginning."""
        self._checkpoints.drop(self._tables.names)
