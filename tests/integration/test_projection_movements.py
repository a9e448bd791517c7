"""`movements` on ClickHouse: the contract of projections, its rows, its dimensions, its blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from domain import events as facts
from domain.quantities import deltas
from eventlog.codec import decode
from eventlog.projection import StoreUnavailableError
from projections.movements.schema import MOVEMENTS
from tests.contracts.projection import ProjectionContract, whole
from tests.happenings import START, item, item_described, year
from tests.parts import Database
from tests.projection_side import drain, told_positions
from tests.read_models import MovementRows, movement_rows

LEDGER = "acme/main"
# Quantities that a stock's document tells, and no other read model.
OF_DOCUMENTS = ("incoming", "in_transit", "waiting")


@pytest.fixture
def read_model(postgres_database: Database, clickhouse_url: str) -> Iterator[MovementRows]:
    with movement_rows(postgres_database.log, clickhouse_url) as found:
        yield found


@pytest.fixture
def shard(read_model: MovementRows) -> int:
    """A shard with some facts in it, all of them applied."""
    log = read_model.log
    log.append_dated(log.ledger("main"), year(11, 400))
    drain(log, read_model.process(), log.shard(LEDGER), batch=100)
    return log.shard(LEDGER)


class TestMovements(ProjectionContract):
    pass


def test_a_row_says_what_its_event_moved(read_model: MovementRows) -> None:
    log = read_model.log
    recorded = log.append_dated(log.ledger("main"), year(3, 600))
    drain(log, read_model.process(), log.shard(LEDGER), batch=83)
    rows = {row["position"]: row for row in read_model.rows("movements_v1")}
    stock = {event.ledger_position: event for event in recorded if event.type[:6] == "stock."}
    assert rows.keys() == stock.keys()
    for position, event in stock.items():
        row, moved = rows[position], asdict(deltas(decode(event.type, event.data)))
        assert moved.pop("uncovered") == row["shortfall"]
        for name in OF_DOCUMENTS:
            del moved[name]
        assert moved == {name: row[f"{name}_delta"] for name in moved}
        for name in ("event_id", "type", "stream_version", "occurred_at", "recorded_at"):
            assert row[name] == getattr(event, name)
        assert (row["shard"], row["shard_position"]) == (event.shard, event.shard_position)


def test_what_else_an_event_says_is_in_its_row(read_model: MovementRows) -> None:
    log = read_model.log
    stock: dict[str, Any] = {"sku": "A", "location": "WH"}
    log.append(
        log.ledger("main"),
        facts.StockReceived(**stock, quantity=9, document="PO 1"),
        facts.StockAdjusted(**stock, delta=-2, reason="broken"),
        facts.StockCounted(**stock, count_id="c", counted=6, expected=7),
        facts.StockShipped(
            **stock, quantity=1, order_id="o", line=0, unit_price_micros=0, currency="GBP"
        ),
        facts.ShortfallStated(**stock, uncovered=3),
    )
    drain(log, read_model.process(), log.shard(LEDGER))
    told = ("quantity", "document", "reason", "count_id", "order_id", "line", "unit_price_micros")
    assert [tuple(row[name] for name in told) for row in read_model.rows("movements_v1")] == [
        (9, "PO 1", "", "", "", None, None),
        (-2, "", "broken", "", "", None, None),
        (6, "", "", "c", "", None, None),
        (1, "", "", "", "o", 0, 0),
        (3, "", "", "", "", None, None),
    ]


def test_an_item_is_completed_from_its_stream(read_model: MovementRows) -> None:
    log = read_model.log
    ledger, shard = log.ledger("main"), log.shard(LEDGER)
    log.append(ledger, item("A", category="toys", attributes={"k": "v"}), item("B"))
    drain(log, read_model.process(), shard)
    log.append(ledger, facts.ItemDiscontinued(sku="A"))
    drain(log, read_model.process(), shard)
    log.append(ledger, item_described("A", "better", 3), facts.ItemDiscontinued(sku="B"))
    drain(log, read_model.process(), shard)
    told = ("sku", "name", "status", "safety_stock", "attributes", "position")
    assert [tuple(row[name] for name in told) for row in read_model.rows("items_v1")] == [
        ("A", "better", "discontinued", 3, {"colour": "better"}, 4),
        ("B", "Item B", "discontinued", 0, {}, 5),
    ]


def test_a_batch_that_spans_years_is_one_block_in_one_part(read_model: MovementRows) -> None:
    log = read_model.log
    ledger, shard = log.ledger("main"), log.shard(LEDGER)
    dated = [
        (facts.StockReceived(sku=f"S{n}", location="WH", quantity=1), START + timedelta(days=n))
        for n in range(0, 1_200, 3)
    ]
    log.append_dated(ledger, dated)
    projection = read_model.process()
    projection.checkpoint(shard)
    projection.apply(whole(log, projection, shard, 0, 400))
    assert new_parts(read_model) == [(400, 0)]


def test_a_large_batch_is_one_block(read_model: MovementRows) -> None:
    log = read_model.log
    ledger, shard = log.ledger("main"), log.shard(LEDGER)
    # Wide rows: the client would send these in several blocks.
    log.append(
        ledger,
        *(
            facts.StockAdjusted(sku=f"S{n}", location="WH", delta=1, reason="r" * 500)
            for n in range(9_000)
        ),
    )
    # And a server that puts blocks together does not here.
    read_model.client.set_client_setting("min_insert_block_size_rows", 1)
    read_model.client.set_client_setting("min_insert_block_size_bytes", 1)
    projection = read_model.process()
    projection.checkpoint(shard)
    batch = whole(log, projection, shard, 0, 9_000)
    projection.apply(batch)
    assert new_parts(read_model) == [(9_000, 0)]
    projection._insert(batch, projection._blocks(batch.events))
    assert len(read_model.rows("movements_v1")) == 9_000


def new_parts(read_model: MovementRows) -> Sequence[Sequence[int]]:
    """Rows and merge level of each part: what was inserted and not merged yet has level 0."""
    return read_model.client.query(
        "SELECT rows, level FROM system.parts WHERE database = currentDatabase()"
        " AND table = 'movements_v1' AND active"
    ).result_rows


def test_the_columns_are_in_the_order_of_the_rows(read_model: MovementRows) -> None:
    described = read_model.client.query("DESCRIBE movements_v1").result_rows
    assert [(row[0], row[1]) for row in described] == list(MOVEMENTS.items())


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE movements_v1 DELETE WHERE quantity = 2 SETTINGS mutations_sync = 2",
        "INSERT INTO movements_v1 SELECT * FROM movements_v1 WHERE position < 90 LIMIT 1",
        "TRUNCATE TABLE movements_v1",
        "DROP TABLE movements_v1 SYNC",
    ],
)
def test_rows_that_are_missing_or_too_many_are_found_at_the_next_start(
    read_model: MovementRows, shard: int, damage: str
) -> None:
    before = read_model.data()
    read_model.client.command(damage, settings={"insert_deduplicate": 0})
    assert read_model.process().checkpoint(shard).position == 0
    assert told_positions(read_model.log, "movements") == {}
    drain(read_model.log, read_model.process(), shard)
    assert read_model.data() == before


def test_a_row_that_is_lost_while_it_runs_is_left_for_verify_to_find(
    read_model: MovementRows, shard: int
) -> None:
    projection = read_model.process()
    end = projection.checkpoint(shard).position
    read_model.client.command(
        "ALTER TABLE movements_v1 DELETE WHERE quantity = 2 SETTINGS mutations_sync = 2"
    )
    assert projection.checkpoint(shard).position == end


def test_an_engine_that_comes_back_empty_is_noticed_by_the_process_that_runs(
    read_model: MovementRows, shard: int
) -> None:
    log, projection = read_model.log, read_model.process()
    end = projection.checkpoint(shard).position
    before = read_model.data()
    for table in ("movements_v1", "items_v1", "locations_v1"):
        read_model.client.command(f"DROP TABLE {table} SYNC")
    log.append("acme/main", facts.StockReceived(sku="A", location="WH", quantity=1))
    with pytest.raises(StoreUnavailableError):
        projection.apply(whole(log, projection, shard, end, end + 1))
    assert projection.checkpoint(shard).position == 0
    drain(log, projection, shard, until=end)
    assert read_model.data() == before


def test_the_store_restored_from_a_backup_makes_it_begin_again(
    read_model: MovementRows, shard: int
) -> None:
    before = read_model.data()
    with read_model.log.pool.connection() as connection:
        connection.execute("UPDATE projection_checkpoints SET epoch = 0")
    assert read_model.process().checkpoint(shard).position == 0
    drain(read_model.log, read_model.process(), shard)
    assert read_model.data() == before
