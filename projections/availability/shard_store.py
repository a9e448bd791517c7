"""One shard's keys in Redis: its checkpoint, its writes by one script call each, its emptying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import cast

import msgspec
import redis

from eventlog.projection import LedgerMark, StoreUnavailableError
from projections.availability.fold import HashChange
from projections.availability.keys import ShardKeys

KEYS_PER_DROP_MAX = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What Redis says when it cannot take a write now, but may after an operator's help.
FULL = ("OOM ", "MISCONF ", "NOREPLICAS ")
_OUTAGES = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.ClusterDownError,
)
_encode = msgspec.msgpack.Encoder().encode


class LostError(Exception):
    """The keys are gone, or older than they were: emptied, or restored from a backup."""


class DamagedError(Exception):
    """A hash holds what no event has written. Rebuild the read model."""

    def __init__(self, key: str, field: str) -> None:
        super().__init__(f"field {field!r} of Redis key {key!r} is no number of units: rebuild")
        self.key = key
        self.field = field


class MovedError(Exception):
    """The guard of a write stands elsewhere, so nothing was written."""

    def __init__(self, found: int) -> None:
        super().__init__(f"the guard stands at {found}")
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The field that must hold `expected` (None: nothing yet), and then holds `last`."""

    key: int
    field: str
    expected: int | None
    last: int


class ShardStore:
    """The keys of one shard, as of one life (store id and epoch) of the log."""

    def __init__(self, client: redis.Redis, keys: ShardKeys, *, store_id: str, epoch: int) -> None:
        self.keys = keys
        self._client = client
        self._store_id = store_id
        self._epoch = str(epoch)
        self._apply = client.register_script(_script("apply.lua"))
        self._wipe = client.register_script(_script("wipe.lua"))

    def position(self) -> int | None:
        """The checkpoint; None when there is none of this life of the log."""
        names = ["store_id", "epoch", "position"]
        with redis_outages():
            store_id, epoch, position = self._client.hmget(self.keys.checkpoint, names)
        ours = (store_id, epoch) == (self._store_id.encode(), self._epoch.encode())
        return int(position) if ours and position is not None else None

    def marks(self) -> Mapping[str, LedgerMark]:
        """How far the hashes show each ledger of the shard."""
        with redis_outages():
            found = cast("dict[bytes, bytes]", self._client.hgetall(self.keys.ledgers))
        return {name.decode(): _mark(name.decode(), mark.decode()) for name, mark in found.items()}

    def unparked(self, stream: str) -> int | None:
        """The last ledger position that was written of a stream after it was parked."""
        with redis_outages():
            position = self._client.hget(self.keys.unparked, stream)
        return None if position is None else int(cast("bytes", position))

    def checkpoint_guard(self, after: int, last: int) -> Guard:
        return Guard(key=1, field="position", expected=after, last=last)

    def unparked_guard(self, stream: str, after: int | None, last: int) -> Guard:
        return Guard(key=4, field=stream, expected=after, last=last)

    def write(
        self,
        guard: Guard,
        changes: Mapping[tuple[str, str], HashChange],
        marks: Mapping[str, str],
    ) -> None:
        """Change hashes, note the ledgers' marks, move the guard: all of it or nothing.

        Raises `StoreUnavailableError` (with `LostError` when the keys are gone), `MovedError`,
        `DamagedError`.
        """
        keys = self.keys
        hashes = [keys.hash_of(ledger, sku) for ledger, sku in changes]
        call = (
            self._store_id,
            self._epoch,
            (guard.key, guard.field, _text(guard.expected), str(guard.last)),
            marks,
            [(change.units, change.settings) for change in changes.values()],
        )
        names = [keys.checkpoint, keys.ledgers, keys.keys, keys.unparked, *hashes]
        with redis_outages():
            answer = cast("list[bytes]", self._apply(keys=names, args=[_encode(call)]))
        match [part.decode() for part in answer]:
            case ["ok"]:
                return
            case ["damaged", key, field]:
                raise DamagedError(key, field)
            case ["moved", found] if found:
                raise MovedError(int(found))
            case _:
                raise StoreUnavailableError("Redis", LostError("the checkpoint is gone"))

    def empty(self) -> None:
        """Drop every key of the shard and begin again at position 0.

        May die half-way: the checkpoint is missing until all is gone. Raises
        `StoreUnavailableError`, also when another process began to do the same meanwhile.
        """
        token = self._step("begin", b"")
        with redis_outages():
            found = self._client.scan_iter(match=self.keys.everything, count=1_000)
            doomed: list[bytes] = []
            for key in found:
                if key != self.keys.checkpoint.encode():
                    doomed.append(key)
                if len(doomed) == KEYS_PER_DROP_MAX:
                    self._step("drop", token, doomed)
                    doomed = []
            if doomed:
                self._step("drop", token, doomed)
        self._step("finish", token)

    def _step(self, step: str, token: bytes, doomed: Sequence[bytes] = ()) -> bytes:
        names = [self.keys.checkpoint.encode(), *doomed]
        values: list[bytes | str] = [step, token, self._store_id, self._epoch]
        with redis_outages():
            answer = self._wipe(keys=names, args=values)
        if answer is None:
            raise StoreUnavailableError("Redis", LostError("another process empties the shard"))
        return cast("bytes", answer)


@contextmanager
def redis_outages() -> Iterator[None]:
    """Turn what redis-py raises for an outage, or for a full server, into an outage of ours."""
    try:
        yield
    except _OUTAGES as error:
        raise StoreUnavailableError("Redis", error) from error
    except redis.exceptions.ResponseError as error:
        if any(word in str(error) for word in FULL) or isinstance(
            error, redis.exceptions.OutOfMemoryError
        ):
            raise StoreUnavailableError("Redis", error) from error
        raise


def _mark(ledger: str, mark: str) -> LedgerMark:
    position, recorded_at = mark.split()
    return LedgerMark(
        tenant=ledger.partition("/")[0],
        position=int(position),
        recorded_at=EPOCH + timedelta(microseconds=int(recorded_at)),
    )


def _text(position: int | None) -> str:
    return "" if position is None else str(position)


def _script(name: str) -> str:
    return files("projections.availability").joinpath(name).read_text(encoding="utf-8")
