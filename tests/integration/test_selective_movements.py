"""Selective replay in ClickHouse: rows stay, corrections beside them are shown at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from threading import Event, Thread
from typing import Any

import clickhouse_connect
import pytest

from domain import events as facts
from projections.catalogue import active
from projections.movements.corrections import shown_of, with_corrections
from projections.movements.inserts import rows_of
from projections.movements.schema import corrections, tables
from projections.queries import analytics, movements
from projections.queries.standing import ledger_standing
from replay.selective.outcome import KeysBusyError
from tests.parts import Database
from tests.projection_side import drain
from tests.selective_side import LEDGER, Addresses, World, world

MOVEMENTS = ("movements",)
SKU = "SKU-3"
TWICE = (
    "INSERT INTO movements_v1 SELECT * FROM movements_v1 WHERE sku = 'SKU-3' ORDER BY position"
    " LIMIT 1"
)
WRONG = (
    "ALTER TABLE movements_v1 UPDATE on_hand_delta = on_hand_delta + 100, reason = 'wrong'"
    " WHERE sku = 'SKU-3' AND ledger = 'acme/main' SETTINGS mutations_sync = 2"
)
LOST = (
    "ALTER TABLE movements_v1 DELETE WHERE sku = 'SKU-3' AND type = 'stock.shipped.v1'"
    " SETTINGS mutations_sync = 2"
)
STRAY = (
    "INSERT INTO movements_v1 SELECT * REPLACE ('SKU-3' AS sku, 'MOON' AS location) FROM ("
    " SELECT * FROM movements_v1 WHERE sku = 'SKU-4' AND ledger = 'acme/main'"
    " ORDER BY position LIMIT 1)"
)
FAULTS = {"twice": TWICE, "wrong": WRONG, "lost": LOST, "stray": STRAY}


@pytest.fixture
def stores(
    postgres_database: Database, redis_url: str, redis_prefix: str, clickhouse_url: str
) -> Iterator[World]:
    addresses = Addresses(
        log_dsn=postgres_database.log,
        redis_url=redis_url,
        redis_prefix=redis_prefix,
        clickhouse_url=clickhouse_url,
    )
    with world(addresses) as found:
        found.fill()
        found.fill(seed=6, count=120, ledger="other/main")
        yield found


def plant(stores: World, *statements: str) -> None:
    for statement in statements:
        stores.clickhouse.command(statement, settings={"insert_deduplicate": 0})


def places(stores: World, ledger: str = LEDGER) -> tuple[Mapping[str, str], int]:
    """As the API finds them."""
    with stores.log.pool.connection() as connection:
        standing = ledger_standing(connection, ledger)
    assert standing is not None
    model = standing.models["movements"]
    return model.model.places, model.position


def answers(stores: World, ledger: str = LEDGER) -> dict[str, object]:
    """What every question to the read model is answered with."""
    found, up_to = places(stores, ledger)
    client = stores.clickhouse
    span: Any = {"up_to": up_to, "first": date(2026, 1, 1), "last": date(2027, 1, 1)}
    return {
        "all": movements.movements(client, found, ledger, up_to=up_to, limit=5_000),
        "sku": movements.movements(client, found, ledger, up_to=up_to, sku=SKU, limit=5_000),
        "older": movements.movements(client, found, ledger, up_to=up_to, after=200, limit=7),
        "daily": analytics.daily_units(client, found, ledger, **span),
        "since": analytics.units_since(client, found, ledger, up_to=up_to, position=90),
        "movers": analytics.top_movers(client, found, ledger, **span, limit=9),
        "value": analytics.stock_at_last_price(client, found, ledger, **span, limit=5_000),
    }


def plain_rows(stores: World) -> object:
    return stores.clickhouse.query("SELECT * FROM movements_v1 ORDER BY ALL").result_rows


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_rows_are_corrected_beside_them_for_every_question(stores: World, fault: str) -> None:
    lawful, others = answers(stores), answers(stores, "other/main")
    plant(stores, FAULTS[fault])
    wrong, planted = answers(stores), plain_rows(stores)
    assert wrong != lawful
    dry = stores.correct(sku=SKU, projections=MOVEMENTS, dry_run=True)
    assert answers(stores) == wrong
    done = stores.correct(sku=SKU, projections=MOVEMENTS)
    assert answers(stores) == lawful
    assert answers(stores, "other/main") == others
    assert plain_rows(stores) == planted, "no row that was written is changed"
    assert dry.outcomes[0].changes == done.outcomes[0].changes
    assert all(
        f"stock-{SKU}@" in each.key or "SKU-4" in each.key for each in dry.outcomes[0].changes
    )
    assert done.complete
    again = stores.correct(sku=SKU, projections=MOVEMENTS)
    assert again.outcomes[0].changed_keys == 0
    assert len(shown(stores)) == 1


def shown(stores: World) -> list[int]:
    with stores.log.pool.connection() as connection:
        return list(shown_of(connection, 1, LEDGER)[1])


def test_a_correction_of_a_correction_counts_and_new_rows_join_it(stores: World) -> None:
    plant(stores, WRONG)
    stores.correct(sku=SKU, projections=MOVEMENTS)
    stores.log.append(LEDGER, facts.StockReceived(sku=SKU, location="WH", quantity=5))
    stores.follow()
    before = answers(stores)
    plant(
        stores,
        "INSERT INTO movements_v1_corrections SELECT * REPLACE (correction + 1 AS correction,"
        " 77 AS on_hand_delta) FROM movements_v1_corrections WHERE sku = 'SKU-3'",
    )
    assert answers(stores) == before, "a number that PostgreSQL does not name is nothing"
    with stores.log.pool.connection() as connection:
        connection.execute(
            "UPDATE projection_ledgers SET corrections = corrections || corrections[1] + 1"
            " WHERE ledger = %s AND projection = 'movements'",
            (LEDGER,),
        )
        connection.execute("SELECT nextval('correction_numbers')")
    assert answers(stores) != before
    stores.correct(sku=SKU, projections=MOVEMENTS)
    assert answers(stores) == before
    assert len(shown(stores)) == 3


def test_ledgers_without_corrections_are_read_from_the_plain_table(stores: World) -> None:
    plant(stores, WRONG)
    stores.correct(sku=SKU, ledger=LEDGER, projections=MOVEMENTS)
    assert "corrected" in places(stores)[0]
    assert places(stores, "other/main")[0] == {
        "movements": "movements_v1",
        "items": "items_v1",
        "locations": "locations_v1",
    }
    assert with_corrections({"movements": "m"}, ()) == {"movements": "m"}


def test_the_row_counts_of_the_shard_still_hold_after_a_correction(stores: World) -> None:
    """A process that starts compares them, and must not begin again."""
    plant(stores, WRONG)
    stores.correct(sku=SKU, projections=MOVEMENTS)
    lawful = answers(stores)
    shard = stores.log.shard(LEDGER)
    assert stores.movements.process().checkpoint(shard).position > 0
    assert answers(stores) == lawful


def test_a_shard_that_begins_again_forgets_its_corrections(stores: World) -> None:
    lawful = answers(stores)
    plant(stores, WRONG, LOST)
    stores.correct(sku=SKU, projections=MOVEMENTS)
    assert answers(stores) == lawful
    shard = stores.log.shard(LEDGER)
    drain(stores.log, stores.movements.process(), shard)
    assert shown(stores) == []
    assert rows_of(stores.clickhouse, corrections(1), shard) == 0
    assert answers(stores) == lawful


def test_a_reader_that_polls_sees_the_old_rows_or_the_new_and_no_row_twice(
    stores: World, clickhouse_url: str
) -> None:
    lawful = answers(stores)["all"]
    plant(stores, WRONG, STRAY)
    wrong = answers(stores)["all"]
    stop, seen, failed = Event(), [], []

    def poll() -> None:
        client = clickhouse_connect.get_client(dsn=clickhouse_url, tz_mode="aware")
        try:
            while not stop.is_set():
                found, up_to = places(stores)
                seen.append(movements.movements(client, found, LEDGER, up_to=up_to, limit=5_000))
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            client.close()

    reader = Thread(target=poll)
    reader.start()
    stores.correct(sku=SKU, projections=MOVEMENTS)
    while lawful not in seen[-1:] and not failed:
        stop.wait(0.01)
    stop.set()
    reader.join()
    assert not failed
    assert all(each in (wrong, lawful) for each in seen)


# --- items and locations --------------------------------------------------------------------------

HIGHER = (
    "INSERT INTO items_v1 SELECT * REPLACE ('impostor' AS name, position + {beyond} AS position)"
    " FROM items_v1 FINAL WHERE sku = 'SKU-3' AND ledger = 'acme/main'"
)


@pytest.mark.parametrize("beyond", [0, 1, 5_000])
def test_a_true_row_older_than_the_live_one_still_takes_its_place(
    stores: World, beyond: int
) -> None:
    """The engine keeps the row with the highest position, which a wrong row may have."""
    before = stores.movements.rows("items_v1")
    plant(stores, HIGHER.format(beyond=beyond), "OPTIMIZE TABLE items_v1 FINAL")
    assert stores.movements.rows("items_v1") != before
    done = stores.correct(sku=SKU, ledger=LEDGER, projections=MOVEMENTS)
    (change,) = done.outcomes[0].changes
    assert change.key == f"items/{SKU}"
    assert change.cells["name"][0] == "impostor"
    plant(stores, "OPTIMIZE TABLE items_v1 FINAL")
    assert stores.movements.rows("items_v1") == before
    stores.log.append(LEDGER, facts.ItemDiscontinued(sku=SKU))
    stores.follow()
    (row,) = (
        row
        for row in stores.movements.rows("items_v1")
        if (row["ledger"], row["sku"]) == (LEDGER, SKU)
    )
    assert row["status"] == "discontinued", "what comes later still replaces it"


def test_one_partition_of_a_dimension_is_exchanged_and_the_others_are_not(stores: World) -> None:
    shard = stores.log.shard("other/main")
    assert shard != stores.log.shard(LEDGER)
    parts = (
        "SELECT name, partition FROM system.parts WHERE database = currentDatabase() AND active"
        f" AND table = 'items_v1' AND partition = '{shard}' ORDER BY name"
    )
    plant(stores, HIGHER.format(beyond=0), "SYSTEM STOP MERGES items_v1")
    before = stores.clickhouse.query(parts).result_rows
    assert before
    stores.correct(sku=SKU, ledger=LEDGER, projections=MOVEMENTS)
    assert stores.clickhouse.query(parts).result_rows == before


def test_a_range_that_stays_claimed_is_a_refusal_that_changed_nothing(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replay.selective.dimensions.ATTEMPTS_MAX", 2)
    plant(stores, HIGHER.format(beyond=0))
    before = stores.movements.rows("items_v1")
    stores.plant(
        "UPDATE projection_checkpoints SET claimed_to = position + 1"
        " WHERE projection = 'movements' AND shard = %s",
        stores.log.shard(LEDGER),
    )
    with pytest.raises(KeysBusyError, match="is its projector running"):
        stores.correct(sku=SKU, ledger=LEDGER, projections=MOVEMENTS)
    assert stores.movements.rows("items_v1") == before


def test_the_catalogue_names_no_table_that_is_not_there(stores: World) -> None:
    with stores.log.pool.connection() as connection:
        named = {*active(connection)["movements"].places.values()}
    known = {row[0] for row in stores.clickhouse.query("SHOW TABLES").result_rows}
    assert named <= known
    assert {*known} == {table.name for table in (*tables(1), corrections(1))}
