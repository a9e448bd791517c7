"""Hashes of `availability`: folded beside the projector, replaced by one script call a shard.

The call is made while the mirror's row is held, as the projector's own are, and does nothing unless
the shard's checkpoint still is the position that was folded to; it is tried again then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import islice
from typing import Any, Final, cast
from uuid import UUID

import msgspec
import redis

from domain.streams import id_of, kind_of, sku_and_location, stock_stream
from eventlog.crash_points import crash_point
from eventlog.log import LogReader, RecordedEvent
from eventlog.postgres.connections import Pool, borrowed
from eventlog.projection import StoreUnavailableError
from projections.availability.fold import pieces
from projections.availability.keys import BACKORDER_LIMIT, SAFETY_STOCK, STATUS, ShardKeys
from projections.availability.shard_store import LostError, redis_outages
from projections.catalogue import ReadModel
from projections.editions import edition
from projections.item_facts import ITEM_STORED
from projections.stock_facts import STOCK_TYPES, UNITS_MAX
from replay.selective.history import History, of_shards
from replay.selective.in_postgres import ParkedMeanwhileError, parked_streams
from replay.selective.live import held
from replay.selective.outcome import KeysBusyError, OthersChangedError, Outcome
from replay.selective.redis_digests import TECHNIQUE, HashDigests
from replay.selective.selection import StreamKey

HANDLES: Final = STOCK_TYPES | ITEM_STORED
SETTINGS: Final = (SAFETY_STOCK, BACKORDER_LIMIT, STATUS)
ATTEMPTS_MAX: Final = 10
PAGE: Final = 2_000
Fields = dict[str, str]
Sku = tuple[str, str]
"""(ledger, SKU)"""
_encode = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class HashesFold:
    """Streams of one shard folded from their first event on: fields by (ledger, SKU)."""

    rules: Mapping[str, Any]
    units: dict[tuple[Sku, str], int] = field(default_factory=dict)
    settings: dict[Sku, Fields] = field(default_factory=dict)

    def take(self, events: Iterable[RecordedEvent]) -> None:
        """Raises `PoisonEventError`."""
        source = iter(events)
        while page := list(islice(source, PAGE)):
            for piece in pieces(page, self.rules):
                for sku, change in piece.changes.items():
                    for place, units in change.units.items():
                        self.units[sku, place] = self.units.get((sku, place), 0) + units
                    if change.settings:
                        self.settings.setdefault(sku, {}).update(change.settings)

    def field_of(self, sku: Sku, name: str) -> str | None:
        """What a field must hold; None: there is none."""
        if name in SETTINGS:
            return self.settings.get(sku, {}).get(name)
        units = self.units.get((sku, name))
        if units is not None and abs(units) > UNITS_MAX:
            raise OverflowError(f"{units} units of {sku[1]} at {name} are more than can be counted")
        return None if units is None else str(units)


class RedisKeys:
    """The keys of one version in Redis."""

    technique = TECHNIQUE
    atomic = "all selected keys of a shard, in one script call"
    units = staticmethod(of_shards)
    handles = HANDLES

    def __init__(
        self,
        client: redis.Redis,
        pool: Pool,
        reader: LogReader,
        model: ReadModel,
        *,
        store_id: UUID,
        epoch: int,
    ) -> None:
        self._client = client
        self._pool = pool
        self._reader = reader
        self._model = model
        self._rules = edition(model.edition).rules
        self._store_id = str(store_id)
        self._epoch = str(epoch)
        self._script = client.register_script(_script("replace.lua"))

    @staticmethod
    def concerned(streams: Sequence[StreamKey]) -> list[StreamKey]:
        """Those of the streams that fold into fields here."""
        return [key for key in streams if kind_of(key.stream) in {"stock", "item"}]

    def fold_apart(self, events: Iterable[RecordedEvent]) -> None:
        """Fold one stream for nothing. Raises `PoisonEventError`."""
        HashesFold(self._rules).take(events)

    def strays(self, ledger: str, sku: str, shard: int) -> set[str]:
        """The stock streams that fields of a SKU's hash stand for, events or none."""
        with redis_outages():
            found = cast("list[bytes]", self._client.hkeys(self._keys(shard).hash_of(ledger, sku)))
        names = {name.decode() for name in found} - {*SETTINGS}
        return {stock_stream(sku, place) for place in names}

    @contextmanager
    def whole(
        self,
        streams: Sequence[StreamKey],
        outcome: Outcome,
        *,
        dry_run: bool,  # noqa: ARG002 - as any store's keys
    ) -> Iterator[None]:
        """Read every hash of the shards before and after, and compare those not selected."""
        shards = sorted({key.shard for key in streams})
        digests = {shard: HashDigests(self._client, self._keys(shard)) for shard in shards}
        parked = self._parked()
        before = {shard: digests[shard].read() for shard in shards}
        yield
        parked |= self._parked()
        chosen = _fields_of(streams).keys()
        for shard in shards:
            after = digests[shard].read()
            with borrowed(self._pool) as connection:
                others = digests[shard].compare(
                    connection, shard, before[shard], after, selected=chosen, parked=parked
                )
            outcome.others.append(others)
            if not others.equal:
                raise OthersChangedError(self._model.name, f"shard {shard}, {others}")

    def replace(
        self, shard: int, streams: Sequence[StreamKey], outcome: Outcome, *, dry_run: bool
    ) -> None:
        """Fold streams of one shard anew and replace their fields, all or nothing.

        Raises `PoisonEventError`, `ParkedMeanwhileError`, `KeysBusyError`, OverflowError,
        `NotActiveError`, `ReplayOpenError` and `StoreUnavailableError` (also when the read model is
        empty or being rebuilt): nothing was changed then, unless the connection broke.
        """
        history, fold = History(self._reader, streams), HashesFold(self._rules)
        wanted = _fields_of(streams)
        for _ in range(ATTEMPTS_MAX):
            # Most of it before anybody waits.
            fold.take(history.up_to(self._position(shard), HANDLES))
            with held(self._pool, self._model, [shard], dry_run=dry_run) as connection:
                position = self._position(shard)
                fold.take(history.up_to(position, HANDLES))
                parked = parked_streams(connection, self._model.name, self._model.version)
                if parked & {(key.ledger, key.stream) for key in streams}:
                    raise ParkedMeanwhileError
                before = self._read(shard, wanted)
                after = {
                    sku: {name: fold.field_of(sku, name) for name in names}
                    for sku, names in wanted.items()
                }
                changes = {sku: after[sku] for sku in wanted if before[sku] != after[sku]}
                crash_point("selective.availability.before_call")
                if self._write(shard, position, {} if dry_run else changes):
                    crash_point("selective.availability.after_call")
                    break
        else:
            why = f"its checkpoint moved on {ATTEMPTS_MAX} times while it was folded"
            raise KeysBusyError(self._model.name, shard, why)
        outcome.keys += len(streams)
        outcome.events += history.events
        for sku in wanted:
            outcome.compare(sku[0], sku[1], _known(before[sku]), _known(after[sku]))

    def _position(self, shard: int) -> int:
        with redis_outages():
            names = ["store_id", "epoch", "position"]
            store_id, epoch, position = self._client.hmget(self._keys(shard).checkpoint, names)
        if (store_id, epoch) != (self._store_id.encode(), self._epoch.encode()):
            raise StoreUnavailableError("Redis", LostError("the read model is being rebuilt"))
        return int(position or 0)

    def _parked(self) -> set[tuple[str, str]]:
        with borrowed(self._pool) as connection:
            return parked_streams(connection, self._model.name, self._model.version)

    def _read(
        self, shard: int, wanted: Mapping[Sku, Sequence[str]]
    ) -> dict[Sku, dict[str, str | None]]:
        keys = self._keys(shard)
        with redis_outages():
            pipeline = self._client.pipeline(transaction=False)
            for sku, names in wanted.items():
                pipeline.hmget(keys.hash_of(*sku), list(names))
            answers = pipeline.execute()
        return {
            sku: {
                name: None if value is None else value.decode()
                for name, value in zip(names, values, strict=True)
            }
            for (sku, names), values in zip(wanted.items(), answers, strict=True)
        }

    def _write(
        self, shard: int, position: int, changes: Mapping[Sku, Mapping[str, str | None]]
    ) -> bool:
        """Whether the checkpoint was at `position`, and so it was done."""
        keys = self._keys(shard)
        rows = [
            (
                [part for pair in fields.items() if pair[1] is not None for part in pair],
                [name for name, value in fields.items() if value is None],
            )
            for fields in changes.values()
        ]
        call = (self._store_id, self._epoch, str(position), rows)
        names = [keys.checkpoint, keys.keys, *(keys.hash_of(*sku) for sku in changes)]
        with redis_outages():
            answer = cast("list[bytes]", self._script(keys=names, args=[_encode(call)]))
        if answer[0] == b"lost":
            raise StoreUnavailableError("Redis", LostError("the read model is being rebuilt"))
        return answer[0] == b"ok"

    def _keys(self, shard: int) -> ShardKeys:
        return ShardKeys(self._model.places["availability"], shard)


def _fields_of(streams: Sequence[StreamKey]) -> dict[Sku, tuple[str, ...]]:
    """The fields that streams fold into, by hash."""
    found: dict[Sku, list[str]] = {}
    for key in streams:
        if kind_of(key.stream) == "item":
            found.setdefault((key.ledger, id_of(key.stream)), []).extend(SETTINGS)
        else:
            sku, place = sku_and_location(key.stream)
            found.setdefault((key.ledger, sku), []).append(place)
    return {sku: tuple(names) for sku, names in found.items()}


def _known(fields: Mapping[str, str | None]) -> Fields | None:
    return {name: value for name, value in fields.items() if value is not None} or None


def _script(name: str) -> str:
    return files("replay.selective").joinpath(name).read_text(encoding="utf-8")
