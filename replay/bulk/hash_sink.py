"""Availability in Redis: a range's hashes in several calls, each of them guarded.

One call may touch so many keys only, so a range of many hashes is written in parts, in the order of
their keys. The field `bulk` of the checkpoint says which range is being written and how many of its
parts are done; every call moves it by compare-and-set. Who finds an unfinished range folds just
that range again and goes on with the next part: nothing is added twice.
"""

from __future__ import annotations

from itertools import islice
from typing import ClassVar, Final, NamedTuple, cast

import redis

from eventlog.crash_points import crash_point
from eventlog.postgres.connections import Pool
from eventlog.projection import StaleCheckpointError
from projections.arrays import microseconds
from projections.availability.fold import HASHES_PER_CALL_MAX, HashChange
from projections.availability.keys import ShardKeys, place
from projections.availability.shard_store import Guard, MovedError, ShardStore, redis_outages
from projections.postgres import Checkpoints
from replay.bulk.folds import Key
from replay.bulk.merging import merge_hashes
from replay.bulk.ranges import Folded
from replay.bulk.sinks import EVENTS_MAX, KEYS_MAX, join

FIELD: Final = "bulk"
PARTS_MAX: Final = 2**16


class Written(NamedTuple):
    """`parts` of the range that ends at `last` are in the hashes."""

    last: int
    parts: int

    @classmethod
    def read(cls, stored: bytes | None) -> Written | None:
        return None if stored is None else cls(*divmod(int(stored), PARTS_MAX))

    @property
    def stored(self) -> int:
        return self.last * PARTS_MAX + self.parts


class HashSink:
    """A `Sink`."""

    adds_up: ClassVar[bool] = True

    def __init__(
        self,
        pool: Pool,
        client: redis.Redis,
        *,
        redis_prefix: str,
        store_id: str,
        version: int,
        epoch: int,
    ) -> None:
        self._client = client
        self._version = version
        self._prefix = place(redis_prefix, version)
        self._store_id = store_id
        self._mirror = Checkpoints(pool, "availability", version, epoch=epoch)
        self._collected: Folded | None = None
        self._begun: dict[int, int] = {}

    def unfinished(self, shard: int, position: int) -> int | None:
        written = self._written(ShardKeys(self._prefix, shard))
        if written is None or written.last <= position:
            self._begun.pop(shard, None)
        else:
            self._begun[shard] = written.last
        return self._begun.get(shard)

    @property
    def is_full(self) -> bool:
        known = self._collected
        return known is not None and (
            known.of.last == self._begun.get(known.of.shard)
            or known.of.events >= EVENTS_MAX
            or len(known.change) >= KEYS_MAX
        )

    def add(self, folded: Folded) -> None:
        if self._collected is None:
            self._collected = folded
            return
        merge_hashes(self._collected.change, folded.change)
        self._collected = join(self._collected, folded)

    def write(self) -> int | None:
        known = self._collected
        if known is None:
            return None
        if known.of.last != self._begun.get(known.of.shard, known.of.last):
            raise ValueError(f"{known.of} is not the range that was begun")
        batch = known.batch(self._mirror.epoch)
        keys = ShardKeys(self._prefix, batch.shard)
        store = ShardStore(self._client, keys, store_id=self._store_id, epoch=self._mirror.epoch)
        marks = {
            ledger: f"{mark.position} {microseconds(mark.recorded_at)}"
            for ledger, mark in batch.ledgers.items()
        }
        try:
            self._write_parts(store, known, self._written(keys))
            crash_point("replay.availability.parts_written")
            store.write(store.checkpoint_guard(batch.after, batch.last), {}, marks)
        except MovedError as error:
            raise StaleCheckpointError(
                "availability", self._version, batch.shard, batch.after
            ) from error
        crash_point("replay.availability.moved")
        with self._mirror.transaction(durable=False) as connection:
            self._mirror.follow(connection, batch.shard, batch.last, batch.ledgers)
        self._begun.pop(batch.shard, None)
        self._collected = None
        return batch.last

    def drop(self) -> None:
        self._collected = None

    def _write_parts(self, store: ShardStore, known: Folded, before: Written | None) -> None:
        """Those that are not written yet; at least one, so that the range is seen to be begun."""
        last = known.of.last
        done = before.parts if before and before.last == last else 0
        change = cast("dict[Key, HashChange]", known.change)
        changes = iter(sorted(change.items(), key=lambda each: each[0]))
        for part in range(1, max(1, -(-len(change) // HASHES_PER_CALL_MAX)) + 1):
            hashes = dict(islice(changes, HASHES_PER_CALL_MAX))
            if part <= done:
                continue
            after = Written(last, part)
            guard = Guard(
                key=1,
                field=FIELD,
                expected=None if before is None else before.stored,
                last=after.stored,
            )
            store.write(guard, hashes, {})
            crash_point("replay.availability.part_written")
            before = after

    def _written(self, keys: ShardKeys) -> Written | None:
        with redis_outages():
            return Written.read(cast("bytes | None", self._client.hget(keys.checkpoint, FIELD)))
