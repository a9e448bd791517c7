"""What is said of the read models' lag, and what saying it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from domain.events import StockReceived
from eventlog.postgres.connections import open_read_pool, tenant_transaction
from ops.processes.standing import standing_in
from projections.queries.standing import STANDING, ledger_standing
from tests.parts import Database
from tests.projection_side import TENANT, drain
from tests.read_models import StockLevelRows, stock_level_rows

QUIET_SECONDS = 0.5
EVENTS = 3_000  # Enough that an index pays on a table nobody has analysed yet.


@pytest.fixture
def read_model(postgres_database: Database) -> Iterator[StockLevelRows]:
    with stock_level_rows(postgres_database.log) as found:
        yield found


def test_after_a_quiet_time_a_new_event_is_not_late_from_the_last_one_on(
    read_model: StockLevelRows, postgres_database: Database
) -> None:
    log, projection = read_model.log, read_model.process()
    ledger, shard = log.ledger("main"), log.shard("acme/main")
    received = StockReceived(sku="A", location="WH", quantity=1)
    log.append(ledger, received)
    drain(log, projection, shard)
    assert standing_in(postgres_database.log)["stock_levels"] == {
        "position": 1,
        "lag": 0,
        "lag_seconds": 0,
    }
    time.sleep(QUIET_SECONDS)
    began = time.monotonic()
    log.append(ledger, received)
    told = standing_in(postgres_database.log)["stock_levels"]
    assert told["lag"] == 1
    assert 0 < told["lag_seconds"] <= time.monotonic() - began < QUIET_SECONDS
    time.sleep(QUIET_SECONDS)
    assert standing_in(postgres_database.log)["stock_levels"]["lag_seconds"] >= QUIET_SECONDS


def test_where_a_ledger_stands_is_told_without_going_through_its_events(
    read_model: StockLevelRows, postgres_database: Database
) -> None:
    log, projection = read_model.log, read_model.process()
    ledger, shard = log.ledger("main"), log.shard("acme/main")
    received = StockReceived(sku="A", location="WH", quantity=1)
    log.append(ledger, *[received] * EVENTS)
    drain(log, projection, shard)
    log.append(ledger, received)
    pool = open_read_pool(postgres_database.read, size=1, name="test")
    try:
        with tenant_transaction(pool, TENANT) as connection:
            told = ledger_standing(connection, ledger)
            assert told is not None
            assert told.models["stock_levels"].position == EVENTS
            assert told.models["stock_levels"].waiting_since == told.recorded_at
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {STANDING}"
            found = connection.execute(explained, (ledger,)).fetchone()
    finally:
        pool.close()
    assert found is not None
    assert _rows_read_for_nothing(found[0][0]["Plan"]) < EVENTS / 10


def _rows_read_for_nothing(node: dict[str, Any]) -> int:
    here = sum(int(count) for name, count in node.items() if name.startswith("Rows Removed"))
    below = sum(map(_rows_read_for_nothing, node.get("Plans", ())))
    return here * int(node["Actual Loops"]) + below
