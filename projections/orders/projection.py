"""`orders`: folds order events and charges into two tables of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from eventlog.log import RecordedEvent
from eventlog.postgres.connections import Pool
from eventlog.projection import Batch, Checkpoint
from projections.orders.fold import (
    CHARGE_STORED,
    ORDER_STORED,
    charge_facts,
    fold,
    order_facts,
    placed_earlier,
)
from projections.orders.tables import Tables, places
from projections.postgres import Checkpoints


class Orders:
    """A `Projection`. Data and checkpoint move in one transaction."""

    name = "orders"
    handles = ORDER_STORED | CHARGE_STORED

    def __init__(self, pool: Pool, *, epoch: int, version: int = 1) -> None:
        self.version = version
        self._checkpoints = Checkpoints(pool, self.name, version, epoch=epoch)
        self._tables = Tables(**places(version))

    def checkpoint(self, shard: int) -> Checkpoint:
        return self._checkpoints.read(shard)

    def apply(self, batch: Batch) -> None:
        facts = order_facts(batch.events)
        charges = charge_facts(batch.events)
        with self._checkpoints.applying(batch) as connection:
            rows = self._tables.read_orders(connection, placed_earlier(facts))
            fold(rows, facts)
            self._tables.write_orders(connection, rows.values())
            self._tables.write_charges(connection, charges)

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        facts = order_facts(events)
        with self._checkpoints.transaction() as connection:
            keys = list({(event.ledger, fact.order_id): None for event, fact in facts})
            rows = self._tables.read_orders(connection, keys)
            applied = max((order.position for order in rows.values()), default=0)
            fold(rows, [known for known in facts if known[0].ledger_position > applied])
            self._tables.write_orders(connection, rows.values())
            # A charge is one event: written again, it is the same row.
            self._tables.write_charges(connection, charge_facts(events))

    def rebuild(self) -> None:
        """Forget everything; the next run folds the log from its beginning."""
        self._checkpoints.drop(self._tables.names)
