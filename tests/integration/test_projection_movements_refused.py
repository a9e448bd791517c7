"""`movements` and rows that ClickHouse will not have: one stream stands still, not the shard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain import events as facts
from domain.events import Event
from eventlog.crash_points import CRASH_EXIT_CODE
from eventlog.parked import ParkedStreams
from eventlog.projection import BatchRejectedError, batch_of
from tests.contracts.projection import whole
from tests.happenings import item
from tests.parts import Database
from tests.projection_side import applier, drain, table_rows
from tests.projector_process import Projector
from tests.read_models import MovementRows, movement_rows

LEDGER = "acme/main"
EVENTS = 40
CULPRIT = 23
# Types of which some text is no value. (A CHECK would do on a server; the engine of these tests
# does not tell of one that fails.)
REFUSE_STOCK = "ALTER TABLE movements_v1 MODIFY COLUMN document Enum8('' = 0)"
TAKE_STOCK = "ALTER TABLE movements_v1 MODIFY COLUMN document String"
REFUSE_ITEM = "ALTER TABLE items_v1 MODIFY COLUMN name Enum8('Item S1' = 0)"
TAKE_ITEM = "ALTER TABLE items_v1 MODIFY COLUMN name String"


@pytest.fixture
def read_model(postgres_database: Database, clickhouse_url: str) -> Iterator[MovementRows]:
    with movement_rows(postgres_database.log, clickhouse_url) as found:
        yield found


@pytest.fixture
def shard(read_model: MovementRows) -> int:
    """Receipts of four SKUs, an item among them, and one with a document."""
    log = read_model.log
    events: list[Event] = [
        facts.StockReceived(sku=f"S{n % 4}", location="WH", quantity=n) for n in range(1, EVENTS)
    ]
    events[CULPRIT - 1] = facts.StockReceived(
        sku="S3", location="WH", quantity=7, document="planted"
    )
    events[9] = item("S1")
    log.append(log.ledger("main"), *events, item("BAD"))
    return log.shard(LEDGER)


def positions(read_model: MovementRows) -> list[int]:
    return [row["position"] for row in read_model.rows("movements_v1")]


def kept_back(read_model: MovementRows, stream: str) -> list[int]:
    letters = table_rows(read_model.log, "dead_letters")
    assert {row["stream"] for row in letters} <= {stream}
    return sorted(row["ledger_position"] for row in letters)


def stock_positions() -> list[int]:
    return [n for n in range(1, EVENTS) if n != 10]


@pytest.mark.parametrize("batch", [EVENTS, 7, 1])
def test_a_refused_event_parks_its_stream_and_everything_else_goes_on(
    read_model: MovementRows, shard: int, batch: int
) -> None:
    log, projection = read_model.log, read_model.process()
    projection.checkpoint(shard)
    read_model.client.command(REFUSE_STOCK)
    assert drain(log, projection, shard, batch=batch) == EVENTS
    letters = list(range(CULPRIT, EVENTS, 4))
    assert kept_back(read_model, "stock-S3@WH") == letters
    assert positions(read_model) == [n for n in stock_positions() if n not in letters]
    assert [row["sku"] for row in read_model.rows("items_v1")] == ["BAD", "S1"]
    assert read_model.process().checkpoint(shard).position == EVENTS, "every row is counted"
    retry(read_model, shard, TAKE_STOCK, "stock-S3@WH")
    assert positions(read_model) == stock_positions()
    assert read_model.process().checkpoint(shard).position == EVENTS


def test_a_refused_item_parks_its_stream_and_no_movement_is_doubled(
    read_model: MovementRows, shard: int
) -> None:
    projection = read_model.process()
    projection.checkpoint(shard)
    read_model.client.command(REFUSE_ITEM)
    assert drain(read_model.log, projection, shard, batch=EVENTS) == EVENTS
    assert kept_back(read_model, "item-BAD") == [EVENTS]
    assert positions(read_model) == stock_positions()
    retry(read_model, shard, TAKE_ITEM, "item-BAD")
    assert [row["sku"] for row in read_model.rows("items_v1")] == ["BAD", "S1"]
    assert read_model.process().checkpoint(shard).position == EVENTS


def test_a_range_that_was_refused_is_inserted_whole_once_it_is_cut_otherwise(
    read_model: MovementRows, shard: int
) -> None:
    """As a process does that died between the refusal and the first half."""
    log, projection = read_model.log, read_model.process()
    projection.checkpoint(shard)
    read_model.client.command(REFUSE_STOCK)
    with pytest.raises(BatchRejectedError):
        projection.apply(whole(log, projection, shard, 0, EVENTS))
    assert positions(read_model) == []
    again = read_model.process()
    assert again.checkpoint(shard).position == 0
    parked = {(LEDGER, "stock-S3@WH"): CULPRIT}
    events = log.reader.read_shard(shard, 0, EVENTS)
    again.apply(batch_of(events, epoch=log.identity.epoch, handles=again.handles, parked=parked))
    assert len(positions(read_model)) == len([n for n in stock_positions() if n % 4 != 3 or n < 23])


def test_an_open_claim_that_is_refused_is_given_up_at_the_next_start(
    read_model: MovementRows, shard: int, postgres_database: Database, clickhouse_url: str
) -> None:
    projector = Projector(
        projection="movements",
        shard=shard,
        log_dsn=postgres_database.log,
        clickhouse_url=clickhouse_url,
        batch=EVENTS,
    )
    code, said = projector.run(BACKSTOCK_CRASH_AT="movements.after_claim")
    assert code == CRASH_EXIT_CODE, said
    read_model.client.command(REFUSE_STOCK)
    projection = read_model.process()
    assert projection.checkpoint(shard).position == 0
    assert drain(read_model.log, projection, shard, batch=EVENTS) == EVENTS
    assert kept_back(read_model, "stock-S3@WH")[0] == CULPRIT
    assert read_model.process().checkpoint(shard).position == EVENTS


def retry(read_model: MovementRows, shard: int, cure: str, stream: str) -> None:
    log, projection = read_model.log, read_model.process()
    read_model.client.command(cure)
    end = projection.checkpoint(shard).position
    ParkedStreams(log.pool, "movements", 1).request_retry(LEDGER, stream)
    applier(log, projection).retry_requested(lambda _: end)
    assert table_rows(log, "parked_streams") == []
