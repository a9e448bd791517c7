"""Whatever the log does not make turns `verify` red in each store, and the cell is named.

The store is told once a run, and put back after each fault.
"""

from __future__ import annotations

import pytest

from eventlog.shards import shard_of
from tests.planting import (
    LEDGER,
    OF_LEDGER,
    event_at,
    position_of,
    red,
    redis_restored,
    table_restored,
)
from tests.stories import CHAIR, LAMP, MUG
from tests.whole_store import WholeStore

pytestmark = pytest.mark.xdist_group("verify-planted-faults")


PLANTED_ROWS = [
    (
        (
            f"UPDATE stock_levels_v1 SET on_hand = on_hand + 1 WHERE {OF_LEDGER} AND sku = '{LAMP}'"
            " AND location = 'hall'"
        ),
        (f"table stock_levels_v1 in Postgres, ledger {LEDGER}, {LAMP} at hall, on_hand",),
    ),
    (
        f"UPDATE stock_levels_v1 SET last_counted_at = NULL WHERE {OF_LEDGER} AND sku = '{CHAIR}'",
        (f"{CHAIR} at shop, last_counted_at",),
    ),
    (
        f"UPDATE stock_levels_v1 SET tenant = 'other' WHERE {OF_LEDGER} AND sku = '{CHAIR}'",
        (f"{CHAIR} at shop, tenant",),
    ),
    (
        f"DELETE FROM stock_levels_v1 WHERE {OF_LEDGER} AND sku = '{CHAIR}'",
        (f"stock_levels_v1 in Postgres, ledger {LEDGER}, {CHAIR} at shop",),
    ),
    (
        (
            "INSERT INTO stock_levels_v1 SELECT tenant, ledger, sku, 'nowhere', on_hand, reserved,"
            " committed, picked, held, shortfall, last_counted_at, position, recorded_at"
            f" FROM stock_levels_v1 WHERE {OF_LEDGER} AND sku = '{CHAIR}'"
        ),
        (f"{CHAIR} at nowhere",),
    ),
    (
        (
            "INSERT INTO stock_levels_v1 SELECT tenant, 'acme/ghost', sku, location, on_hand,"
            " reserved, committed, picked, held, shortfall, last_counted_at, position, recorded_at"
            f" FROM stock_levels_v1 WHERE {OF_LEDGER} AND sku = '{CHAIR}'"
        ),
        ("stock_levels_v1", "acme/ghost"),
    ),
    (
        f"UPDATE items_v1 SET attributes = '{{}}' WHERE {OF_LEDGER} AND sku = '{LAMP}'",
        (f"table items_v1 in Postgres, ledger {LEDGER}, {LAMP}, attributes",),
    ),
    (
        (
            f"UPDATE locations_v1 SET latitude_microdegrees = 1 WHERE {OF_LEDGER}"
            " AND location = 'shop'"
        ),
        ("locations_v1", "shop, latitude_microdegrees"),
    ),
    (
        (
            "UPDATE documents_v1 SET body = jsonb_set(body::jsonb, '{name}', '\"Nobody\"')::json"
            f" WHERE {OF_LEDGER} AND kind = 'item' AND id = '{LAMP}'"
        ),
        (f"table documents_v1 in Postgres, ledger {LEDGER}, item {LAMP}, body",),
    ),
    (
        (
            "UPDATE documents_v1 SET refs = array_append(refs, 'sku:of-nobody')"
            f" WHERE {OF_LEDGER} AND kind = 'location' AND id = 'shop'"
        ),
        ("documents_v1", "location shop, refs"),
    ),
    (
        f"DELETE FROM documents_v1 WHERE {OF_LEDGER} AND kind = 'item' AND id = '{MUG}'",
        ("documents_v1", f"item {MUG}"),
    ),
    (
        f"UPDATE orders_v1 SET status = 'shipped' WHERE {OF_LEDGER} AND order_id = 'o2'",
        (f"table orders_v1 in Postgres, ledger {LEDGER}, o2, status",),
    ),
    (
        (
            "UPDATE orders_v1 SET lines = jsonb_set(lines, '{0,shipped}', '2')"
            f" WHERE {OF_LEDGER} AND order_id = 'o1'"
        ),
        ("o1, lines",),
    ),
    (f"DELETE FROM charges_v1 WHERE {OF_LEDGER} AND charge_id = 'f2'", ("charges_v1", "f2")),
]


@pytest.mark.parametrize(("statement", "words"), PLANTED_ROWS, ids=lambda each: str(each)[:60])
def test_a_row_in_postgres_that_the_log_does_not_make(
    store: WholeStore, statement: str, words: tuple[str, ...]
) -> None:
    store.plant(statement)
    red(store.verify(), "folds", *words)


PLANTED_FIELDS = [
    ("HSET", LAMP, "hall", "999"),
    ("HSET", LAMP, "nowhere", "0"),
    ("HSET", LAMP, "#safety_stock", "4"),
    ("HDEL", MUG, "shop"),
    ("HDEL", LAMP, "#status"),
]


@pytest.mark.parametrize("command", PLANTED_FIELDS, ids=" ".join)
def test_a_field_in_redis_that_the_log_does_not_make(
    told_store: WholeStore, command: tuple[str, ...]
) -> None:
    verb, sku, field, *value = command
    with redis_restored(told_store) as (keys, tag):
        keys.execute_command(verb, f"{tag}{LEDGER}:{sku}", field, *value)  # type: ignore[no-untyped-call]
        red(told_store.verify(), "folds", f"in Redis, ledger {LEDGER}, {sku}, field {field}")


def test_a_key_in_redis_beside_the_set_of_keys(told_store: WholeStore) -> None:
    with redis_restored(told_store) as (keys, tag):
        keys.hset(f"{tag}{LEDGER}:STRAY", "hall", "1")
        red(told_store.verify(), "folds", f"key {tag}{LEDGER}:STRAY in Redis")


def test_a_key_in_redis_that_is_missing(told_store: WholeStore) -> None:
    with redis_restored(told_store) as (keys, tag):
        keys.delete(f"{tag}{LEDGER}:{MUG}")
        red(told_store.verify(), "folds", "in Redis", f"ledger {LEDGER}, {MUG}")
        keys.srem(f"{tag}keys", f"{tag}{LEDGER}:{MUG}")
        red(told_store.verify(), "folds", "in Redis", f"ledger {LEDGER}, {MUG}")


def test_a_redis_that_lost_everything(told_store: WholeStore) -> None:
    with redis_restored(told_store) as (keys, tag):
        keys.delete(*keys.scan_iter(f"{tag}*"))
        red(told_store.verify(), "folds", f"key {tag}checkpoint in Redis")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("ledgers", LEDGER, "9000 0"), f"in ledger {LEDGER}"),
        (("checkpoint", "position", "9000"), "checkpoint of hash"),
        (("checkpoint", "epoch", "7"), "epoch of hash"),
        (("checkpoint", "store_id", "other"), "checkpoint in Redis"),
    ],
)
def test_a_checkpoint_in_redis_that_is_not_where_its_data_is(
    told_store: WholeStore, change: tuple[str, str, str], where: str
) -> None:
    with redis_restored(told_store) as (keys, tag):
        key, field, value = change
        keys.hset(f"{tag}{key}", field, value)
        red(told_store.verify(), "folds", where)


PLANTED_MOVEMENTS = [
    ("UPDATE on_hand_delta = on_hand_delta + 1", "row of {event}", ", on_hand_delta"),
    ("UPDATE document = 'PO 2'", "row of {event}", ", document"),
    ("DELETE", "row of {event}", ""),
]


@pytest.mark.parametrize(("change", "row", "column"), PLANTED_MOVEMENTS)
def test_a_row_in_clickhouse_that_the_log_does_not_make(
    told_store: WholeStore, change: str, row: str, column: str
) -> None:
    position = position_of(told_store, "g1")
    place = row.format(event=event_at(position).strip())
    with table_restored(told_store, "movements_v1") as rows:
        rows.command(
            f"ALTER TABLE movements_v1 {change} WHERE {OF_LEDGER} AND position = {position}",
            settings={"mutations_sync": 2},
        )
        red(told_store.verify(), "folds", "table movements_v1 in ClickHouse", place, column)


def test_a_row_in_clickhouse_that_is_there_twice_or_for_nothing(told_store: WholeStore) -> None:
    position = position_of(told_store, "g1")
    row = f"SELECT * FROM movements_v1 WHERE {OF_LEDGER} AND position = {position}"
    for replaced, word in (
        ("", f"ledger {LEDGER}, position {position}"),
        ("REPLACE (1 AS position)", f"ledger {LEDGER}, position 1"),
        ("REPLACE ('acme/ghost' AS ledger)", "ledger acme/ghost"),
        ("REPLACE (1000 AS position, 1000 AS shard_position)", "position 1000"),
    ):
        with table_restored(told_store, "movements_v1") as rows:
            rows.command(f"INSERT INTO movements_v1 SELECT * {replaced} FROM ({row})")
            red(told_store.verify(), "folds", "table movements_v1 in ClickHouse", word)


def test_a_dimension_in_clickhouse_that_the_log_does_not_make(told_store: WholeStore) -> None:
    for table, key, name, change, column in (
        ("items_v1", "sku", LAMP, "UPDATE name = 'Lump'", ", name"),
        ("items_v1", "sku", MUG, "DELETE", ""),
        ("locations_v1", "location", "shop", "UPDATE longitude_microdegrees = NULL", ", longitude"),
    ):
        with table_restored(told_store, table) as rows:
            rows.command(
                f"ALTER TABLE {table} {change} WHERE {OF_LEDGER} AND {key} = '{name}'",
                settings={"mutations_sync": 2},
            )
            words = (f"table {table} in ClickHouse, ledger {LEDGER}, {name}", column)
            red(told_store.verify(), "folds", *words)


def test_a_checkpoint_ahead_of_its_data(store: WholeStore) -> None:
    head = store.one(f"SELECT position FROM ledgers WHERE {OF_LEDGER}")[0]
    shard = shard_of(LEDGER, 16)
    forward = (
        f"UPDATE projection_checkpoints SET position = (SELECT position FROM shards"
        f" WHERE shard = {shard}) WHERE projection = '{{0}}' AND shard = {shard}"
    )
    marks = (
        f"UPDATE projection_ledgers SET position = {head} WHERE projection = '{{0}}'"
        f" AND {OF_LEDGER}"
    )
    store.plant(forward.format("stock_levels"))
    red(store.verify(), "folds", f"position of stock_levels v1 in ledger {LEDGER}")
    store.plant(marks.format("stock_levels"))
    red(store.verify(), "folds", "table stock_levels_v1", f"{MUG} at hall")
    store.restore()
    store.plant(forward.format("movements"), marks.format("movements"))
    red(store.verify(), "folds", "movements_v1", event_at(position_of(store, "t1")).strip())
    store.restore()
    store.plant("UPDATE projection_checkpoints SET position = 9999 WHERE projection = 'orders'")
    red(store.verify(), "folds", "checkpoint of orders v1 in shard")
