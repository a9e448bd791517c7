"""`stock_levels` on PostgreSQL: the contract of projections, and its rows against a plain fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from domain import events as facts
from domain.events import Event
from domain.quantities import deltas
from domain.streams import stock_stream
from eventlog.codec import decode
from tests.contracts.projection import ProjectionContract
from tests.happenings import START, item, item_described, year
from tests.parts import Database
from tests.projection_side import drain, table_rows
from tests.read_models import StockLevelRows, stock_level_rows

TABLES = ("stock_levels_v1", "items_v1", "locations_v1")
LEDGER = "acme/main"
STOCK: dict[str, Any] = {"sku": "A", "location": "WH"}
QUANTITIES = ("on_hand", "reserved", "committed", "picked", "held")


@pytest.fixture
def read_model(postgres_database: Database) -> Iterator[StockLevelRows]:
    with stock_level_rows(postgres_database.log) as found:
        yield found


def fold(read_model: StockLevelRows, *events: Event) -> None:
    log = read_model.log
    log.append(log.ledger("main"), *events)
    drain(log, read_model.process(), log.shard(LEDGER), batch=3)


class TestStockLevels(ProjectionContract):
    pass


def test_every_quantity_is_the_sum_of_what_its_events_moved(read_model: StockLevelRows) -> None:
    log = read_model.log
    recorded = log.append_dated(log.ledger("main"), year(3, 700))
    drain(log, read_model.process(), log.shard(LEDGER), batch=97)
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(QUANTITIES, 0))
    last: dict[str, int] = {}
    for event in recorded:
        fact = decode(event.type, event.data)
        if event.type.startswith("stock."):
            last[event.stream] = event.ledger_position
            for quantity in QUANTITIES:
                sums[event.stream][quantity] += asdict(deltas(fact))[quantity]
    found = {
        stock_stream(row["sku"], row["location"]): row for row in table_rows(log, "stock_levels_v1")
    }
    assert {
        stream: {quantity: row[quantity] for quantity in QUANTITIES}
        for stream, row in found.items()
    } == sums
    assert {stream: row["position"] for stream, row in found.items()} == last


def test_a_shortfall_is_the_figure_last_stated(read_model: StockLevelRows) -> None:
    fold(
        read_model,
        facts.StockReceived(**STOCK, quantity=5),
        facts.ShortfallStated(**STOCK, uncovered=9),
        facts.ShortfallStated(**STOCK, uncovered=4),
        facts.StockReceived(**STOCK, quantity=1),
        facts.StockReceived(sku="B", location="WH", quantity=1),
    )
    shortfalls = {row["sku"]: row["shortfall"] for row in table_rows(read_model.log, TABLES[0])}
    assert shortfalls == {"A": 4, "B": 0}
    fold(read_model, facts.ShortfallStated(**STOCK, uncovered=0))
    assert table_rows(read_model.log, TABLES[0])[0]["shortfall"] == 0


def test_the_last_count_is_the_latest_instant_counted(read_model: StockLevelRows) -> None:
    log = read_model.log
    ledger = log.ledger("main")
    for days in (1, 5, 3):
        count = facts.StockCounted(**STOCK, count_id=f"c{days}", counted=1, expected=1)
        log.append(ledger, count, at=START + timedelta(days=days))
        drain(log, read_model.process(), log.shard(ledger))
    (row,) = table_rows(log, TABLES[0])
    assert row["last_counted_at"] == START + timedelta(days=5)


def test_an_item_keeps_its_status_when_it_is_described(read_model: StockLevelRows) -> None:
    fold(
        read_model,
        item("A", media_urls=("https://a/1.png", 'https://a/"2",\\.png'), attributes={"k": "ü"}),
        item("B"),
        facts.ItemDiscontinued(sku="A"),
        item_described("A", "better", 3),
        item_described("B", "better", 4),
    )
    found = {row["sku"]: row for row in table_rows(read_model.log, "items_v1")}
    assert {sku: (row["status"], row["safety_stock"]) for sku, row in found.items()} == {
        "A": ("discontinued", 3),
        "B": ("active", 4),
    }


def test_what_an_item_says_arrives_as_it_was_written(read_model: StockLevelRows) -> None:
    strange = 'quote " backslash \\ comma , brace } newline \n NULL'
    fold(
        read_model, item("A", name=strange, media_urls=(strange, ""), attributes={strange: strange})
    )
    (row,) = table_rows(read_model.log, "items_v1")
    assert (row["name"], row["media_urls"], row["attributes"]) == (
        strange,
        [strange, ""],
        {strange: strange},
    )


def test_a_sku_that_needs_quoting_is_no_other_sku(read_model: StockLevelRows) -> None:
    strange = ['a"b', "a\\b", "NULL", "{a,b}", "a b", "é"]
    fold(
        read_model,
        *(facts.StockReceived(sku=sku, location=sku, quantity=1) for sku in strange),
        *(facts.ShortfallStated(sku=sku, location=sku, uncovered=2) for sku in strange),
    )
    found = [(row["sku"], row["location"]) for row in table_rows(read_model.log, TABLES[0])]
    assert sorted(found) == sorted((sku, sku) for sku in strange)


def test_an_event_that_postgres_refuses_parks_its_stream_alone(read_model: StockLevelRows) -> None:
    log = read_model.log
    ledger = log.ledger("main")
    refused = b'{"sku": "B\\u0000", "location": "WH", "quantity": 1}'
    log.append(ledger, facts.StockReceived(sku="A", location="WH", quantity=1))
    log.append_raw(ledger, "stock-B@WH", "stock.received.v1", refused)
    log.append(ledger, facts.StockReceived(sku="C", location="WH", quantity=1))
    drain(log, read_model.process(), log.shard(ledger))
    assert [row["sku"] for row in table_rows(log, TABLES[0])] == ["A", "C"]
    (letter,) = table_rows(log, "dead_letters")
    assert (letter["stream"], letter["ledger_position"]) == ("stock-B@WH", 2)


def test_a_rebuild_does_not_change_when_a_batch_was_first_applied(
    read_model: StockLevelRows,
) -> None:
    log = read_model.log
    log.append_dated(log.ledger("main"), year(3, 300))
    shard = log.shard(LEDGER)
    drain(log, read_model.process(), shard, batch=100)
    before = table_rows(log, "projection_applies")
    read_model.process().rebuild()
    drain(log, read_model.process(), shard, batch=70)
    assert table_rows(log, "projection_applies") == before


def test_only_so_many_applies_are_remembered(
    read_model: StockLevelRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.postgres.APPLIES_KEPT", 4)
    monkeypatch.setattr("projections.postgres.APPLIES_PER_TRIM", 5)
    log = read_model.log
    log.append_dated(log.ledger("main"), year(3, 120))
    end = drain(log, read_model.process(), log.shard(LEDGER), batch=10)
    kept = sorted(row["position"] for row in table_rows(log, "projection_applies"))
    assert kept[-1] == end
    assert 4 <= len(kept) <= 4 + 5


def test_an_apply_is_noted_after_its_rows_are_written(
    read_model: StockLevelRows, postgres_database: Database
) -> None:
    log = read_model.log
    log.append_dated(log.ledger("main"), year(3, 20))
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'"
        )
        admin.execute("CREATE TRIGGER slow AFTER INSERT ON stock_levels_v1 EXECUTE FUNCTION slow()")
    before = datetime.now(UTC)
    drain(log, read_model.process(), log.shard(LEDGER))
    (noted,) = table_rows(log, "projection_applies")
    assert noted["applied_at"] - before >= timedelta(seconds=0.3)
