"""Cells of read models in Redis: each with the place it stood at, read in one call, before the log.

Compared once the log's snapshot is taken, which thereby has every event that a cell can show.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import psycopg
import redis

from replay.verify import catalogue
from replay.verify.catalogue import Entry, Identity
from replay.verify.positions import shard_of
from replay.verify.redis_model import Fields, fields_of, of_stream
from replay.verify.redis_pages import READ_PAGE
from replay.verify.sampling.picking import Picked
from replay.verify.sampling.results import ModelTally
from replay.verify.sampling.stream_fold import NotFoldedError, StreamFolds

SETTING = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A hash as it was, and where its shard stood; None: nothing of this store was there."""

    picked: Picked
    tag: str
    position: int | None
    hash: Fields
    unparked: Fields


@dataclass(slots=True, kw_only=True)
class RedisCells:
    """One version of `availability`. First `read`, then `check` in a snapshot taken after it."""

    client: Any
    entry: Entry
    store: Identity
    tally: ModelTally
    _reads: list[Read] = field(default_factory=list)

    def read(self, picked: list[Picked], dice: Random, number: int) -> None:
        """The cells of the streams picked, and of `number` keys that Redis itself names."""
        script = self.client.register_script(READ_PAGE)
        wanted = {each for each in picked if each.aggregate in ("stock", "item")}
        wanted |= {each for each in self._named(dice, number) if each is not None}
        self._reads = [self._one(script, each) for each in sorted(wanted)]
        others = (_another(each, dice) for each in self._reads)
        beside = {each.picked: each for each in others if each and each.picked not in wanted}
        self._reads += beside.values()

    def check(self, connection: psycopg.Connection, folds: StreamFolds) -> None:
        """`connection` is the log's snapshot."""
        parked = catalogue.parked(connection, self.entry)
        settled = {
            tag: self.client.hgetall(f"{tag}:unparked")
            for tag in {each.tag for each in self._reads}
        }
        for read in self._reads:
            name = "|".join(read.picked)
            if read.position is None:
                self.tally.skip("being rebuilt")
            elif settled[read.tag].get(name) != read.unparked.get(name):
                self.tally.skip("being retried")
            else:
                position = read.position
                if (park := parked.get(read.picked)) is not None:
                    applied = int(read.unparked.get(name, 0))
                    position = min(position, max(park.position, applied + 1) - 1)
                self._compare(read, position, folds)

    def _compare(self, read: Read, position: int, folds: StreamFolds) -> None:
        try:
            folded = folds.at(*read.picked, position)
        except NotFoldedError as error:
            self.tally.skip(error.reason)
            return
        sku, names = of_stream(read.picked.stream)
        expected = fields_of(folded.fold, sku)
        for name in names:
            where = f"hash {read.tag}:{read.picked.ledger}:{sku} in Redis, field {name}"
            self.tally.compare(
                *read.picked,
                f"{where}, at position {position}",
                expected.get(name),
                read.hash.get(name),
            )

    def _named(self, dice: Random, number: int) -> list[Picked | None]:
        """Streams of cells that are there, whether an event explains them or not."""
        shards = [dice.randrange(self.store.shards) for _ in range(number)]
        found: list[Picked | None] = []
        for shard in shards:
            tag = self._tag(shard)
            key = self.client.srandmember(f"{tag}:keys")
            if key is None:
                continue
            ledger, _, sku = key.removeprefix(f"{tag}:").partition(":")
            fields = [name for name in self.client.hkeys(key) if not name.startswith(SETTING)]
            if fields:
                found.append(Picked(ledger, f"stock-{sku}@{dice.choice(sorted(fields))}"))
        return found

    def _one(self, script: Any, picked: Picked) -> Read:  # noqa: ANN401 - the client's script
        tag = self._tag(shard_of(picked.ledger, self.store.shards))
        sku, _ = of_stream(picked.stream)
        own = [f"{tag}:{name}" for name in ("checkpoint", "ledgers", "unparked")]
        found = script(keys=[*own, f"{tag}:{picked.ledger}:{sku}"])
        checkpoint, ledgers, unparked, cell = (
            dict(zip(flat[::2], flat[1::2], strict=True)) for flat in found
        )
        ours = (
            checkpoint.get("store_id") == self.store.store_id
            and checkpoint.get("epoch") == str(self.store.epoch)
            and "position" in checkpoint
        )
        reached = int(ledgers.get(picked.ledger, "0").split()[0])
        return Read(
            picked=picked,
            tag=tag,
            position=reached if ours else None,
            hash=cell,
            unparked=unparked,
        )

    def _tag(self, shard: int) -> str:
        return f"{self.entry.places['availability']}:{{{shard}}}"


def _another(read: Read, dice: Random) -> Read | None:
    """A cell that the same hash has beside the one that was picked, explained or not."""
    sku, own = of_stream(read.picked.stream)
    others = [name for name in read.hash if name not in own and not name.startswith(SETTING)]
    if not others:
        return None
    stream = f"stock-{sku}@{dice.choice(sorted(others))}"
    return replace(read, picked=Picked(read.picked.ledger, stream))


def client_of(url: str, seconds: float) -> redis.Redis:
    """Answers text; waits that long for an answer."""
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=seconds, socket_connect_timeout=seconds
    )
