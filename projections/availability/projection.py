"""`availability`: folds stock and item events into hashes of Redis, by one script call per piece.

Data and checkpoint live in Redis and are lost together; PostgreSQL only mirrors the checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import redis
import structlog

from eventlog.crash_points import crash_point
from eventlog.log import RecordedEvent
from eventlog.postgres.connections import Pool
from eventlog.projection import (
    Batch,
    Checkpoint,
    StaleCheckpointError,
    StoreUnavailableError,
)
from projections.arrays import microseconds
from projections.availability.fold import Piece, pieces
from projections.availability.keys import ShardKeys, place
from projections.availability.shard_store import Guard, LostError, MovedError, ShardStore
from projections.editions import TODAY, Edition
from projections.item_facts import ITEM_STORED
from projections.postgres import Checkpoints
from projections.stock_facts import STOCK_TYPES

log = structlog.get_logger(__name__)


class Availability:
    """A `Projection`. Each piece of a batch is one atomic call that moves the checkpoint as well.

    `apply` raises `StoreUnavailableError` when the keys are gone or older than they were;
    `checkpoint` then empties what is left and says 0, so that the log is folded again.
    """

    name = "availability"
    handles = STOCK_TYPES | ITEM_STORED

    def __init__(
        self,
        client: redis.Redis,
        pool: Pool,
        *,
        redis_prefix: str,
        store_id: UUID,
        epoch: int,
        version: int = 1,
        edition: Edition = TODAY,
    ) -> None:
        self.version = version
        self._rules = edition.rules
        self._client = client
        self._prefix = place(redis_prefix, version)
        self._store_id = str(store_id)
        self._mirror = Checkpoints(pool, self.name, version, epoch=epoch)
        self._stores: dict[int, ShardStore] = {}

    def checkpoint(self, shard: int) -> Checkpoint:
        epoch = self._mirror.epoch
        position = self._store(shard).position()
        if position is not None:
            with self._mirror.transaction() as connection:
                mirrored = self._mirror.position(connection, shard)
                head = self._mirror.head(connection, shard)
                if position < mirrored:
                    self._mirror.restart(connection, shard, position)
                    self._say("read model went back", shard, mirrored, position)
                if position != mirrored and 0 < position <= head:
                    # Died before it told, or what it told went with PostgreSQL's last moments.
                    marks = self._store(shard).marks()
                    self._mirror.follow(connection, shard, position, marks)
            if position <= head:
                return Checkpoint(epoch=epoch, position=position)
            # It has folded what the log, restored from a backup, does not hold any more.
            self._say("read model is ahead of the log", shard, position, head)
        self._restart(shard)
        return Checkpoint(epoch=epoch, position=0)

    def apply(self, batch: Batch) -> None:
        found = pieces(batch.events, self._rules)
        after = batch.after
        # Who holds the mirror's row holds the keys still: a cut-over does, while it compares
        # versions and switches them.
        with self._mirror.transaction(durable=False) as connection:
            self._mirror.position(connection, batch.shard)
            for piece in found[:-1]:
                last = piece.last.shard_position
                marks = {ledger: _mark(event) for ledger, event in piece.last_of.items()}
                self._write(batch, piece, marks, after, last)
                after = last
            marks = {
                ledger: f"{mark.position} {microseconds(mark.recorded_at)}"
                for ledger, mark in batch.ledgers.items()
            }
            self._write(batch, found[-1] if found else None, marks, after, batch.last)
            crash_point("availability.after_call")
            self._mirror.follow(connection, batch.shard, batch.last, batch.ledgers)

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        first = events[0]
        store = self._store(first.shard)
        stream = f"{first.ledger}|{first.stream}"
        applied = store.unparked(stream)
        fresh = [event for event in events if event.ledger_position > (applied or 0)]
        for piece in pieces(fresh, self._rules):
            last = piece.last.ledger_position
            self._send(store, store.unparked_guard(stream, applied, last), piece, {})
            applied = last

    def rebuild(self) -> None:
        """Forget everything; the next run folds the log from its beginning."""
        for shard in self._mirror.shards():
            self._restart(shard)

    def _restart(self, shard: int) -> None:
        # The mirror first: it may say less than is there, never more.
        with self._mirror.transaction() as connection:
            lost = self._mirror.restart(connection, shard)
        if lost:
            self._say("read model begins again", shard, lost, 0)
        self._store(shard).empty()

    def _say(self, what: str, shard: int, before: int, now: int) -> None:
        log.warning(what, read_model=self.name, shard=shard, before=before, now=now)

    def _write(
        self, batch: Batch, piece: Piece | None, marks: dict[str, str], after: int, last: int
    ) -> None:
        store = self._store(batch.shard)
        try:
            self._send(store, store.checkpoint_guard(after, last), piece, marks)
        except MovedError as error:
            if error.found < after:
                older = LostError(f"it stands at {error.found}, not at {after}: restored?")
                raise StoreUnavailableError("Redis", older) from error
            raise StaleCheckpointError(self.name, self.version, batch.shard, after) from error

    @staticmethod
    def _send(store: ShardStore, guard: Guard, piece: Piece | None, marks: dict[str, str]) -> None:
        store.write(guard, {} if piece is None else piece.changes, marks)

    def _store(self, shard: int) -> ShardStore:
        store = self._stores.get(shard)
        if store is None:
            keys = ShardKeys(self._prefix, shard)
            store = self._stores[shard] = ShardStore(
                self._client, keys, store_id=self._store_id, epoch=self._mirror.epoch
            )
        return store


def _mark(event: RecordedEvent) -> str:
    return f"{event.ledger_position} {microseconds(event.recorded_at)}"
