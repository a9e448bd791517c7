"""`stock_levels`: folds stock, item and location events into three tables of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import Connection
from psycopg.rows import TupleRow

from domain.streams import id_of, kind_of, sku_and_location
from eventlog.log import RecordedEvent
from eventlog.postgres.connections import Pool
from eventlog.projection import Batch, Checkpoint
from projections.editions import TODAY, Edition
from projections.item_facts import ITEM_STORED, LOCATION_STORED, item_changes, locations
from projections.postgres import Checkpoints
from projections.stock_facts import STOCK_TYPES
from projections.stock_levels.fold import level_changes
from projections.stock_levels.tables import Tables, places


class StockLevels:
    """A `Projection`. Data and checkpoint move in one transaction."""

    name = "stock_levels"
    handles = STOCK_TYPES | ITEM_STORED | LOCATION_STORED

    def __init__(
        self, pool: Pool, *, epoch: int, version: int = 1, edition: Edition = TODAY
    ) -> None:
        self.version = version
        self._rules = edition.rules
        self._checkpoints = Checkpoints(pool, self.name, version, epoch=epoch)
        self._tables = Tables(**places(version))

    def checkpoint(self, shard: int) -> Checkpoint:
        return self._checkpoints.read(shard)

    def apply(self, batch: Batch) -> None:
        levels = level_changes(batch.events, self._rules)
        items = item_changes(batch.events)
        found = locations(batch.events)
        with self._checkpoints.applying(batch) as connection:
            self._tables.write_levels(connection, levels)
            self._tables.write_items(connection, items)
            self._tables.write_locations(connection, found)

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        with self._checkpoints.transaction() as connection:
            applied = self._position_of(connection, events[0])
            fresh = [event for event in events if event.ledger_position > applied]
            self._tables.write_levels(connection, level_changes(fresh, self._rules))
            self._tables.write_items(connection, item_changes(fresh))
            self._tables.write_locations(connection, locations(fresh))

    def rebuild(self) -> None:
        """Forget everything; the next run folds the log from its beginning."""
        self._checkpoints.drop(self._tables.names)

    def _position_of(self, connection: Connection[TupleRow], event: RecordedEvent) -> int:
        """Ledger position of the last event in the one row that this event's stream folds into."""
        match kind_of(event.stream):
            case "stock":
                keys = sku_and_location(event.stream)
                return self._tables.level_position(connection, event.ledger, *keys)
            case "item":
                return self._tables.item_position(connection, event.ledger, id_of(event.stream))
            case _:
                return self._tables.location_position(connection, event.ledger, id_of(event.stream))
