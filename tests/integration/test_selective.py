"""Selective replay: a key that went wrong is put right where it stands, and nothing else moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, cast

import psycopg
import pytest

from domain import events as facts
from eventlog.parked import ParkedStreams
from replay.selective.in_postgres import PostgresKeys
from replay.selective.outcome import KeysBusyError
from replay.selective.selection import SelectionError
from tests.contracts.projection import Refusing
from tests.happenings import item, order_of_lines
from tests.parts import Database
from tests.projection_side import drain, table_rows
from tests.read_models import hash_at
from tests.selective_side import LEDGER, Addresses, World, world

LEVEL = "UPDATE stock_levels_v1 SET on_hand = on_hand + 7, shortfall = 3 WHERE sku = 'SKU-3'"
ROWS_AND_KEYS = ("stock_levels", "orders", "documents", "availability")


@pytest.fixture
def addresses(
    postgres_database: Database, redis_url: str, redis_prefix: str, clickhouse_url: str
) -> Addresses:
    return Addresses(
        log_dsn=postgres_database.log,
        redis_url=redis_url,
        redis_prefix=redis_prefix,
        clickhouse_url=clickhouse_url,
    )


@pytest.fixture
def stores(addresses: Addresses) -> Iterator[World]:
    """Four hundred facts of two tenants, folded everywhere."""
    with world(addresses) as found:
        found.fill()
        found.fill(seed=6, count=120, ledger="other/main")
        yield found


def break_keys(stores: World) -> None:
    """Wrong cells of one SKU in every kind of store: changed, lost, and never explained."""
    stores.plant(LEVEL)
    stores.plant("UPDATE items_v1 SET name = 'nobody' WHERE sku = 'SKU-3' AND ledger = %s", LEDGER)
    stores.plant("DELETE FROM stock_levels_v1 WHERE sku = 'SKU-3' AND location = 'WH'")
    stores.plant(
        "INSERT INTO stock_levels_v1 SELECT tenant, ledger, sku, 'MOON', 1, 0, 0, 0, 0, 0, NULL, 1,"
        " recorded_at FROM stock_levels_v1 WHERE sku = 'SKU-3' AND ledger = %s LIMIT 1",
        LEDGER,
    )
    stores.plant(
        "INSERT INTO documents_v1 SELECT tenant, ledger, 'stock', 'SKU-3@MOON', 'open', refs, body,"
        " opened_at, 1, 1, recorded_at FROM documents_v1 WHERE id = 'SKU-4' AND ledger = %s",
        LEDGER,
    )
    stores.plant(
        "UPDATE documents_v1 SET status = 'lost'"
        " WHERE kind = 'item' AND id = 'SKU-3' AND ledger = %s",
        LEDGER,
    )
    key = stores.availability.keys(stores.log.shard(LEDGER)).hash_of(LEDGER, "SKU-3")
    stores.redis.hset(key, mapping={"WH": "12345", "MOON": "1", "#status": "lost"})
    stores.redis.hdel(key, "SHOP/1")


def test_a_skus_wrong_cells_are_put_right_everywhere_and_told_one_by_one(stores: World) -> None:
    lawful = stores.data()
    break_keys(stores)
    broken = stores.data()
    dry = stores.correct(sku="SKU-3", dry_run=True, projections=ROWS_AND_KEYS)
    assert stores.data() == broken, "a dry run writes nothing"
    done = stores.correct(sku="SKU-3", projections=ROWS_AND_KEYS)
    assert stores.data() == lawful
    assert [each.changes for each in dry.outcomes] == [each.changes for each in done.outcomes]
    levels, orders, documents, availability = done.outcomes
    changed = {(each.ledger, each.key): each for each in levels.changes}
    assert changed.keys() == {
        (LEDGER, "item-SKU-3"),
        (LEDGER, "stock-SKU-3@MOON"),
        (LEDGER, "stock-SKU-3@SHOP/1"),
        (LEDGER, "stock-SKU-3@WH"),
        ("other/main", "stock-SKU-3@SHOP/1"),
        ("other/main", "stock-SKU-3@WH"),
    } - _never_stocked(stores)
    shop = changed[LEDGER, "stock-SKU-3@SHOP/1"].cells
    assert shop["on_hand"][0] == shop["on_hand"][1] + 7
    assert changed[LEDGER, "stock-SKU-3@MOON"].digest_after is None
    assert changed[LEDGER, "stock-SKU-3@WH"].digest_before is None
    assert (orders.keys, orders.changed_keys) == (0, 0)
    moon = {(each.ledger, each.key): each for each in documents.changes}
    assert moon.keys() == {(LEDGER, "item-SKU-3"), (LEDGER, "stock-SKU-3@MOON")}
    assert moon[LEDGER, "stock-SKU-3@MOON"].digest_after is None
    (hashed,) = availability.changes
    assert (hashed.cells["MOON"], hashed.cells["#status"][0]) == (("1", None), "lost")
    assert done.complete


def _never_stocked(stores: World) -> set[tuple[str, str]]:
    streams = {f"stock-SKU-3@{place}" for place in ("WH", "SHOP/1")}
    rows = table_rows(stores.log, "events")
    known = {(row["ledger"], row["stream"]) for row in rows}
    return {(ledger, each) for ledger in (LEDGER, "other/main") for each in streams} - known


def test_run_again_it_finds_nothing_to_change(stores: World) -> None:
    break_keys(stores)
    stores.correct(sku="SKU-3", projections=ROWS_AND_KEYS)
    again = stores.correct(sku="SKU-3", projections=ROWS_AND_KEYS)
    assert [each.changed_keys for each in again.outcomes] == [0, 0, 0, 0]


def test_one_location_of_a_sku_is_corrected_without_the_other(stores: World) -> None:
    stores.plant("UPDATE stock_levels_v1 SET held = held + 1 WHERE ledger = %s", LEDGER)
    before = {row["location"]: row for row in _levels(stores, "SKU-3")}
    stores.correct(sku="SKU-3", location="WH", ledger=LEDGER, projections=("stock_levels",))
    after = {row["location"]: row for row in _levels(stores, "SKU-3")}
    assert after["WH"]["held"] == before["WH"]["held"] - 1
    assert after["SHOP/1"] == before["SHOP/1"]


def _levels(stores: World, sku: str) -> list[dict[str, Any]]:
    rows = table_rows(stores.log, "stock_levels_v1")
    return [row for row in rows if (row["ledger"], row["sku"]) == (LEDGER, sku)]


def test_an_orders_row_and_the_stocks_it_moved_are_corrected(stores: World) -> None:
    log = stores.log
    log.append(LEDGER, item("ORD"), facts.StockReceived(sku="ORD", location="WH", quantity=9))
    log.append(LEDGER, *order_of_lines("the one", [("ORD", "WH", 2)]))
    log.append(
        LEDGER, facts.StockReturned(sku="ORD", location="SHOP/1", quantity=1, order_id="the one")
    )
    stores.follow()
    lawful = stores.data()
    stores.plant("UPDATE orders_v1 SET status = 'placed' WHERE order_id = 'the one'")
    stores.plant("UPDATE stock_levels_v1 SET committed = 5 WHERE sku = 'ORD'")
    done = stores.correct(order_id="the one", projections=ROWS_AND_KEYS)
    assert stores.data() == lawful
    changed = {change.key for each in done.outcomes for change in each.changes}
    assert changed == {"order-the one", "stock-ORD@WH", "stock-ORD@SHOP/1"}


def test_lots_and_serials_are_corrected_with_their_sku(stores: World) -> None:
    lawful = stores.data()
    rows = table_rows(stores.log, "documents_v1")
    lots = {row["id"] for row in rows if (row["kind"], row["ledger"]) == ("lot", LEDGER)}
    sku = min(lots).partition("@")[0]
    stores.plant(
        "UPDATE documents_v1 SET status = 'lost' WHERE kind = 'lot' AND ledger = %s", LEDGER
    )
    done = stores.correct(sku=sku, ledger=LEDGER, projections=("documents",))
    changed = {change.key for each in done.outcomes for change in each.changes}
    assert changed == {f"lot-{lot}" for lot in lots if lot.startswith(f"{sku}@")}
    stores.correct(tenant="acme", projections=("documents",))
    assert stores.data() == lawful


def test_a_tenants_keys_are_corrected_and_nobody_elses(stores: World) -> None:
    stores.plant("UPDATE stock_levels_v1 SET picked = 9")
    stores.plant("UPDATE charges_v1 SET quantity = 99")
    done = stores.correct(tenant="other", projections=ROWS_AND_KEYS)
    wrong = {row["ledger"] for row in table_rows(stores.log, "stock_levels_v1") if row["picked"]}
    assert wrong == {LEDGER}
    assert {change.ledger for each in done.outcomes for change in each.changes} == {"other/main"}


def test_a_type_selects_streams_and_each_is_folded_from_its_first_event(stores: World) -> None:
    """Bounds by `since` and folds from zero do not mix: only whole streams are folded."""
    lawful = stores.data()
    stores.plant("UPDATE stock_levels_v1 SET on_hand = 0, held = 0 WHERE ledger = %s", LEDGER)
    stores.correct(type_name="stock.returned.v1", ledger=LEDGER, projections=ROWS_AND_KEYS)
    returned = {
        row["stream"]
        for row in table_rows(stores.log, "events")
        if row["ledger"] == LEDGER and row["type"] == "stock.returned.v1"
    }
    was = {(row["sku"], row["location"]): row for row in _of_main(lawful)}
    now = {(row["sku"], row["location"]): row for row in _of_main(stores.data())}
    for (sku, place), row in now.items():
        is_right = row == was[sku, place]
        assert is_right or f"stock-{sku}@{place}" not in returned
    assert any(row != was[key] for key, row in now.items()), "the others stay as they are"


def _of_main(data: Any) -> list[dict[str, Any]]:
    return [row for row in data["stock_levels"]["stock_levels_v1"] if row["ledger"] == LEDGER]


def test_a_range_of_time_selects_what_was_recorded_in_it_and_folds_what_was_before(
    stores: World,
) -> None:
    received = facts.StockReceived(sku="SKU-3", location="WH", quantity=2)
    stores.log.append("other/main", received)
    stores.follow("other/main")
    start = datetime.now(UTC)
    stores.log.append(LEDGER, received)
    end = datetime.now(UTC) + timedelta(seconds=1)
    stores.follow()
    lawful = stores.data()
    stores.plant("UPDATE stock_levels_v1 SET on_hand = 1 WHERE sku = 'SKU-3' AND location = 'WH'")
    done = stores.correct(
        recorded_from=start, recorded_until=end, ledger=LEDGER, projections=ROWS_AND_KEYS
    )
    assert done.streams == 1
    assert done.events > 1, "the whole stream, not the range alone"
    assert [each.key for each in done.outcomes[0].changes] == ["stock-SKU-3@WH"]
    assert stores.stock_levels.data() != lawful["stock_levels"], "the other tenant was not selected"
    stores.correct(sku="SKU-3", projections=ROWS_AND_KEYS)
    assert stores.data() == lawful


def test_what_the_read_model_has_not_followed_yet_is_left_to_it(stores: World) -> None:
    log = stores.log
    log.append(LEDGER, facts.StockReceived(sku="SKU-3", location="WH", quantity=50))
    lawful = stores.data()
    before = {row["location"]: row["on_hand"] for row in _levels(stores, "SKU-3")}
    stores.plant("UPDATE stock_levels_v1 SET reserved = 77 WHERE sku = 'SKU-3'")
    stores.correct(sku="SKU-3", projections=ROWS_AND_KEYS)
    assert stores.data() == lawful, "folded up to the checkpoint, and no further"
    stores.follow()
    after = {row["location"]: row["on_hand"] for row in _levels(stores, "SKU-3")}
    assert after["WH"] == before["WH"] + 50


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "say which"),
        ({"location": "WH"}, "--location narrows a --sku"),
        ({"type_name": "stock.lost.v1"}, "no event type 'stock.lost.v1'"),
        ({"sku": "NEVER-SEEN"}, "no event of the log and no key"),
        ({"tenant": "nobody"}, "no ledger of 'nobody'"),
        ({"recorded_from": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001 - the case
        (
            {
                "recorded_from": datetime(2026, 1, 2, tzinfo=UTC),
                "recorded_until": datetime(2026, 1, 1, tzinfo=UTC),
            },
            "--from is not before --until",
        ),
    ],
)
def test_a_selection_that_says_nothing_is_refused(
    stores: World, wanted: dict[str, Any], said: str
) -> None:
    before = stores.data()
    with pytest.raises(SelectionError, match=said):
        stores.correct(**wanted)
    assert stores.data() == before


def test_an_unknown_projection_is_refused_by_name(stores: World) -> None:
    with pytest.raises(SelectionError, match="no projection 'stock_level'; there are stock_levels"):
        stores.correct(sku="SKU-3", projections=("stock_level",))


def test_a_parked_stream_is_left_alone_and_named(stores: World) -> None:
    log = stores.log
    (event,) = log.append(LEDGER, facts.StockReceived(sku="SKU-3", location="WH", quantity=50))
    projection = stores.stock_levels.process()
    drain(log, Refusing(projection, event), event.shard)
    stores.follow()
    before = stores.data()
    done = stores.correct(sku="SKU-3", projections=ROWS_AND_KEYS)
    assert [key.stream for key in done.outcomes[0].parked] == ["stock-SKU-3@WH"]
    assert stores.data() == before


def test_streams_that_cannot_be_folded_are_named_and_the_others_are_corrected(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that raises leaves its keys as they were; they are found all at once."""
    log, bad = stores.log, ["stock-SKU-3@BAD", "stock-SKU-3@WORSE"]
    replace, calls = PostgresKeys.replace, []
    for stream in bad:
        event = log.append_raw(LEDGER, stream, "stock.received.v1", b'{"sku": 3}')
        for model in (stores.stock_levels, stores.availability, stores.movements):
            process = model.process()
            drain(log, process, event.shard)
            parked = ParkedStreams(log.pool, process.name, 1)
            parked.unpark(LEDGER, stream, upto=event.shard_position)
    stores.plant(LEVEL)

    def called(self: PostgresKeys, *values: Any, **named: Any) -> None:
        calls.append(values)
        replace(self, *values, **named)

    monkeypatch.setattr(PostgresKeys, "replace", called)
    names = ("stock_levels", "availability", "movements")
    done = stores.correct(sku="SKU-3", ledger=LEDGER, projections=names)
    for outcome in done.outcomes:
        assert sorted(key.stream for key in outcome.refused) == bad, outcome.projection
    assert len(calls) == 2
    assert not done.complete
    changes = {each.key for each in done.outcomes[0].changes}
    assert changes == {"stock-SKU-3@SHOP/1", "stock-SKU-3@WH"}


def test_a_lock_that_is_not_had_in_time_is_a_refusal_that_changed_nothing(
    stores: World, postgres_database: Database
) -> None:
    stores.plant(LEVEL)
    before = stores.data()
    with psycopg.connect(postgres_database.admin) as holder:
        holder.execute("SELECT FROM projection_checkpoints FOR UPDATE")
        with pytest.raises(KeysBusyError, match="keeps its checkpoint locked; nothing of it"):
            stores.correct(sku="SKU-3")
    assert stores.data() == before


def test_readers_never_miss_a_key_nor_see_one_half_done(
    stores: World, postgres_database: Database
) -> None:
    """Polling throughout, they see the wrong figures or the right ones."""
    key = stores.availability.keys(stores.log.shard(LEDGER)).hash_of(LEDGER, "SKU-3")
    query = (
        "SELECT on_hand, shortfall FROM stock_levels_v1 WHERE ledger = 'acme/main'"
        " AND sku = 'SKU-3' AND location = 'WH'"
    )
    right = (hash_at(stores.redis, key), _one(postgres_database, query))
    stop, seen, rows = Event(), [], []

    def poll() -> None:
        with psycopg.connect(postgres_database.admin, autocommit=True) as connection:
            while not stop.is_set():
                rows.append(connection.execute(query).fetchone())
                seen.append(hash_at(stores.redis, key))

    wrong_hash: dict[str, Any] = right[0] | {"WH": "4711", "#safety_stock": "99", "MOON": "1"}
    for _ in range(10):
        stores.plant(LEVEL)
        stores.redis.hset(key, mapping=cast("Any", wrong_hash))
        wrong_row = _one(postgres_database, query)
        stop.clear()
        reader = Thread(target=poll)
        reader.start()
        stores.correct(sku="SKU-3", projections=ROWS_AND_KEYS)
        stop.set()
        reader.join()
        assert (hash_at(stores.redis, key), _one(postgres_database, query)) == right
        assert all(each in (wrong_hash, right[0]) for each in seen)
        assert all(each in (wrong_row, right[1]) for each in rows)
        seen.clear()
        rows.clear()


def _one(database: Database, query: str) -> Any:
    with psycopg.connect(database.admin) as connection:
        return connection.execute(query.encode()).fetchone()
