"""Where folded ranges go: collected while they add up, then written with the checkpoint at once.

Used by the one thread that holds the replay's lease. Each write moves the version's own checkpoint
by compare-and-set, so a process that lost the lease without noticing cannot write twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final, Protocol, cast

from clickhouse_connect.driver.client import Client

from eventlog.crash_points import crash_point
from eventlog.postgres.connections import Pool
from eventlog.projection import Batch, BatchRejectedError
from projections.movements.claims import Claims
from projections.movements.inserts import BlockRefusedError
from projections.movements.schema import row_counts, tables
from projections.postgres import Checkpoints
from projections.stock_levels.tables import Tables, places
from replay.bulk.folds import Blocks, Levels
from replay.bulk.merging import merge_levels
from replay.bulk.native import insert_native
from replay.bulk.ranges import Folded

# What is collected before it is written: bounded by keys for memory, by events for how much a crash
# has folded in vain.
KEYS_MAX: Final = 100_000
EVENTS_MAX: Final = 1_000_000


class Sink(Protocol):
    """Takes the folded ranges of a shard, in order and without a hole. `adds_up`: several become
    one change before they are written.
    """

    adds_up: ClassVar[bool]

    def unfinished(self, shard: int, position: int) -> int | None:
        """Ask for each shard first: where a range after `position` ends that somebody began to
        write. The next range to be written must end just there. None for most.
        """

    def add(self, folded: Folded) -> None:
        """Collect it. Its predecessor, if anything is collected, ends where it begins."""

    @property
    def is_full(self) -> bool: ...

    def write(self) -> int | None:
        """Write what is collected; the position reached, or None when there was nothing.

        Raises as `Projection.apply` does.
        """

    def drop(self) -> None:
        """Forget what is collected and was not written."""


def join(first: Folded, then: Folded) -> Folded:
    """Two neighbours as one range, but for their changes: those of `first`."""
    if then.of.shard != first.of.shard or then.of.after != first.of.last:
        raise ValueError(f"{then.of} does not follow {first.of}")
    return Folded(
        of=replace(first.of, last=then.of.last),
        ledgers=first.ledgers | then.ledgers,
        recorded_at=then.recorded_at,
        change=first.change,
    )


class LevelSink:
    """Stock levels, items and locations: one statement a table, for hundreds of thousands."""

    adds_up: ClassVar[bool] = True

    def __init__(self, pool: Pool, *, version: int, epoch: int) -> None:
        self._checkpoints = Checkpoints(pool, "stock_levels", version, epoch=epoch)
        self._tables = Tables(**places(version))
        self._collected: Folded | None = None

    def unfinished(self, shard: int, position: int) -> None:
        """A transaction leaves nothing half done."""

    @property
    def is_full(self) -> bool:
        known = self._collected
        return known is not None and (
            known.of.events >= EVENTS_MAX or len(known.change.levels) >= KEYS_MAX
        )

    def add(self, folded: Folded) -> None:
        if self._collected is None:
            self._collected = folded
            return
        merge_levels(self._collected.change, folded.change)
        self._collected = join(self._collected, folded)

    def write(self) -> int | None:
        known = self._collected
        if known is None:
            return None
        change = cast("Levels", known.change)
        batch = known.batch(self._checkpoints.epoch)
        with self._checkpoints.applying(batch) as connection:
            self._tables.write_levels(connection, change.levels)
            self._tables.write_items(connection, change.items)
            self._tables.write_locations(connection, change.locations)
        crash_point("replay.stock_levels.written")
        self._collected = None
        return batch.last

    def drop(self) -> None:
        self._collected = None


class BlockSink:
    """Movements: each range is a claim, a block per table, and a moved checkpoint."""

    adds_up: ClassVar[bool] = False

    def __init__(self, pool: Pool, client: Client, *, version: int, epoch: int) -> None:
        self._client = client
        self._version = version
        self._checkpoints = Checkpoints(pool, "movements", version, epoch=epoch)
        self._claims = Claims(self._checkpoints, row_counts(version))
        self._tables = {table.place: table for table in tables(version)}
        self._collected: Folded | None = None

    def unfinished(self, shard: int, position: int) -> None:
        """The projection's own `checkpoint` has finished it."""

    @property
    def is_full(self) -> bool:
        return self._collected is not None

    def add(self, folded: Folded) -> None:
        if self._collected is not None:
            raise ValueError("a range is written before the next one is added")
        self._collected = folded

    def write(self) -> int | None:
        known = self._collected
        if known is None:
            return None
        change = cast("Blocks", known.change)
        batch = known.batch(self._checkpoints.epoch)
        if change.blocks:
            self._claims.claim(batch)
            crash_point("replay.movements.claimed")
            try:
                self._insert(batch, change.blocks)
            except BlockRefusedError as refused:
                self._claims.give_up(batch)
                raise BatchRejectedError(batch, refused) from refused
            crash_point("replay.movements.inserted")
        self._claims.finish(batch, rows=change.rows, claimed=bool(change.blocks))
        self._collected = None
        return batch.last

    def drop(self) -> None:
        self._collected = None

    def _insert(self, batch: Batch, blocks: Mapping[str, bytes]) -> None:
        # The token is the one under which the projection itself would send the range again.
        what = f"{batch.after + 1}-{batch.last}"
        for place in ("locations", "items", "movements"):
            if block := blocks.get(place):
                token = f"movements:v{self._version}:{batch.epoch}:{batch.shard}:{what}:{place}"
                insert_native(self._client, self._tables[place], block, token)
