"""`movements`: folds stock, item and location events into tables of ClickHouse.

Each range of events is claimed in PostgreSQL, inserted under the range's token, and done when the
checkpoint moves; whoever finds an open claim sends that same range again before anything else. A
range that the engine refuses for its rows is given up, and cut anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from clickhouse_connect.driver.client import Client

from eventlog.crash_points import crash_point
from eventlog.log import LogReader, RecordedEvent
from eventlog.parked import ParkedStreams
from eventlog.postgres.connections import Pool
from eventlog.projection import (
    Batch,
    BatchRejectedError,
    Checkpoint,
    StoreUnavailableError,
    batch_of,
)
from projections.editions import TODAY, Edition
from projections.item_facts import ITEM_STORED, LOCATION_STORED
from projections.movements.claims import Claims, ShardState
from projections.movements.dimensions import item_rows, location_rows
from projections.movements.fold import movement_rows
from projections.movements.inserts import (
    BlockRefusedError,
    clickhouse_outages,
    drop_shard,
    insert_block,
    positions_between,
    rows_beyond,
    rows_of,
    rows_up_to,
)
from projections.movements.schema import corrections, prepare, row_counts, tables
from projections.postgres import Checkpoints
from projections.stock_facts import STOCK_TYPES

log = structlog.get_logger(__name__)

Blocks = tuple[Sequence[tuple[object, ...]], ...]
"""Rows for movements, items and locations."""


class Movements:
    """A `Projection`.

    The first `checkpoint` of a process, and the first after an outage, compares how many rows
    ClickHouse holds of the shard with how many it must hold. When rows are missing or too many (a
    lost disk, an older backup of either side), the shard's rows are dropped, and the log is folded
    again from position 0. A process that stalled between claim and insert for longer than the
    engine remembers tokens is found by the same count.
    """

    name = "movements"
    handles = STOCK_TYPES | ITEM_STORED | LOCATION_STORED

    def __init__(
        self,
        client: Client,
        pool: Pool,
        reader: LogReader,
        *,
        epoch: int,
        version: int = 1,
        edition: Edition = TODAY,
    ) -> None:
        self.version = version
        self._rules = edition.rules
        self._client = client
        self._reader = reader
        self._epoch = epoch
        self._tables = tables(version)
        self._checkpoints = Checkpoints(pool, self.name, version, epoch=epoch)
        self._claims = Claims(self._checkpoints, row_counts(version))
        self._parked = ParkedStreams(pool, self.name, version)
        self._trusted: set[int] = set()

    def checkpoint(self, shard: int) -> Checkpoint:
        with self._trusting():
            if not self._trusted:
                # At the first time, and after trouble: the engine may have come back with nothing.
                with clickhouse_outages():
                    prepare(self._client, self.version)
            position = self._position(shard)
        self._trusted.add(shard)
        return Checkpoint(epoch=self._epoch, position=position)

    def apply(self, batch: Batch) -> None:
        blocks = self._blocks(batch.events)
        claimed = any(blocks)
        if claimed:
            self._claims.claim(batch)
            crash_point("movements.after_claim")
            try:
                with self._trusting():
                    self._insert(batch, blocks)
            except BlockRefusedError as refused:
                self._claims.give_up(batch)
                raise BatchRejectedError(batch, refused) from refused
            crash_point("movements.after_insert")
        self._claims.finish(batch, rows=len(blocks[0]), claimed=claimed)

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        """As the Protocol says. Dying inside costs a rebuild of the shard at the next start."""
        first, last = events[0], events[-1]
        with self._checkpoints.transaction() as connection:
            state = self._claims.read(connection, first.shard)
            if state.claimed_to is not None:
                raise AssertionError(f"shard {first.shard} has an open claim")
            known = positions_between(
                self._client,
                self._tables[0],
                tenant=first.tenant,
                ledger=first.ledger,
                first=first.ledger_position,
                last=last.ledger_position,
            )
            fresh = [event for event in events if event.ledger_position not in known]
            blocks = self._blocks(fresh)
            what = f"{first.ledger}:{first.ledger_position}-{last.ledger_position}"
            try:
                self._send(first.shard, f"parked:{what}", blocks)
            except BlockRefusedError as refused:
                raise BatchRejectedError(None, refused) from refused
            self._claims.count(connection, first.shard, len(blocks[0]))

    def rebuild(self) -> None:
        """Forget everything; the next run folds the log from its beginning."""
        for shard in self._checkpoints.shards():
            with self._checkpoints.transaction() as connection:
                self._claims.restart(connection, shard)
            self._drop(shard)

    @contextmanager
    def _trusting(self) -> Iterator[None]:
        """After an outage, what the engine holds is counted anew."""
        try:
            yield
        except StoreUnavailableError:
            self._trusted.clear()
            raise

    def _position(self, shard: int) -> int:
        with self._checkpoints.transaction() as connection:
            state = self._claims.read(connection, shard)
        if state.epoch != self._epoch or not (
            shard in self._trusted or self._is_whole(shard, state)
        ):
            self._restart(shard, state)
            return 0
        if state.claimed_to is None:
            return state.position
        return self._take_over(shard, state, state.claimed_to)

    def _is_whole(self, shard: int, state: ShardState) -> bool:
        table = self._tables[0]
        if state.claimed_to is None:
            return rows_of(self._client, table, shard) == state.rows
        return (
            rows_up_to(self._client, table, shard, state.position) == state.rows
            and rows_beyond(self._client, table, shard, state.claimed_to) == 0
        )

    def _restart(self, shard: int, state: ShardState) -> None:
        # PostgreSQL first: died in between, the count is wrong, and this is done again.
        with self._checkpoints.transaction() as connection:
            self._claims.restart(connection, shard)
        log.warning(
            "read model begins again",
            read_model=self.name,
            shard=shard,
            position=state.position,
            epoch=state.epoch,
            rows_expected=state.rows,
        )
        self._drop(shard)

    def _drop(self, shard: int) -> None:
        # Corrections first: where rows are gone, no correction of theirs is left.
        for table in (corrections(self.version), *self._tables):
            drop_shard(self._client, table, shard)

    def _take_over(self, shard: int, state: ShardState, claimed_to: int) -> int:
        """Send a claimed range again, cut and marked as it was, and finish it; the checkpoint."""
        parked = {key: stream.position for key, stream in self._parked.streams().items()}
        events: list[RecordedEvent] = []
        while (after := state.position + len(events)) < claimed_to:
            page = self._reader.read_shard(shard, after, claimed_to - after)
            if not page:
                raise LookupError(f"shard {shard} ends at {after}, but {claimed_to} is claimed")
            events += page
        batch = batch_of(events, epoch=self._epoch, handles=self.handles, parked=parked)
        log.info("claim taken over", read_model=self.name, shard=shard, claimed_to=claimed_to)
        blocks = self._blocks(batch.events)
        try:
            self._insert(batch, blocks)
        except BlockRefusedError:
            # Who applies it next learns which event is to blame.
            self._claims.give_up(batch)
            return batch.after
        self._claims.finish(batch, rows=len(blocks[0]), claimed=True)
        return batch.last

    def _blocks(self, events: Sequence[RecordedEvent]) -> Blocks:
        return (
            movement_rows(events, self._rules),
            item_rows(events, self._reader),
            location_rows(events),
        )

    def _insert(self, batch: Batch, blocks: Blocks) -> None:
        self._send(batch.shard, f"{batch.after + 1}-{batch.last}", blocks)

    def _send(self, shard: int, what: str, blocks: Blocks) -> None:
        # Movements last, as only they are counted: refused, a range has left nothing but rows of
        # items and locations, which replace each other by position.
        for table, rows in reversed(list(zip(self._tables, blocks, strict=True))):
            token = f"{self.name}:v{self.version}:{self._epoch}:{shard}:{what}:{table.place}"
            insert_block(self._client, table, rows, token)
