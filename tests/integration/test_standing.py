"""What `backstock status` says of the read models' lag."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from domain.events import StockReceived
from ops.processes.standing import standing_in
from tests.parts import Database
from tests.projection_side import drain
from tests.read_models import StockLevelRows, stock_level_rows

QUIET_SECONDS = 0.5


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
