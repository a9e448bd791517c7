"""A selective replay killed at every step: readers see old or new, and run again it is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from tests.parts import Database
from tests.selective_process import run_elsewhere
from tests.selective_side import LEDGER, Addresses, World, world

SKU = "SKU-3"
STORES = ("stock_levels", "availability", "items", "movements")
# Each step, and what readers see corrected by then.
POINTS = [
    ("selective.postgres.before_commit", ()),
    ("selective.availability.before_call", ("stock_levels",)),
    ("selective.availability.after_call", ("stock_levels", "availability")),
    ("selective.dimensions.before_exchange", ("stock_levels", "availability")),
    ("selective.dimensions.after_exchange", ("stock_levels", "availability", "items")),
    ("selective.movements.after_rows", ("stock_levels", "availability", "items")),
    ("selective.movements.before_shown", ("stock_levels", "availability", "items")),
    ("selective.movements.after_shown", STORES),
]


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
    with world(addresses) as found:
        found.fill(count=300)
        yield found


def break_everything(stores: World) -> None:
    stores.plant("UPDATE stock_levels_v1 SET on_hand = on_hand + 7 WHERE sku = %s", SKU)
    key = stores.availability.keys(stores.log.shard(LEDGER)).hash_of(LEDGER, SKU)
    stores.redis.hset(key, mapping={"WH": "12345", "MOON": "1"})
    wrong = (
        "ALTER TABLE movements_v1 UPDATE on_hand_delta = 99 WHERE sku = 'SKU-3'"
        " SETTINGS mutations_sync = 2"
    )
    impostor = (
        "INSERT INTO items_v1 SELECT * REPLACE ('impostor' AS name, position + 1 AS position)"
        " FROM items_v1 FINAL WHERE sku = 'SKU-3'"
    )
    stores.clickhouse.command(wrong)
    stores.clickhouse.command(impostor)


@pytest.mark.parametrize(("point", "done"), POINTS)
def test_killed_at_a_step_each_store_is_old_or_new_and_the_next_run_is_the_same_bytes(
    stores: World, addresses: Addresses, point: str, done: tuple[str, ...]
) -> None:
    lawful = stores.shown()
    break_everything(stores)
    broken = stores.shown()
    code, said = run_elsewhere(addresses, SKU, BACKSTOCK_CRASH_AT=point)
    assert code == CRASH_EXIT_CODE, said
    seen = stores.shown()
    for store in STORES:
        assert lawful[store] != broken[store], store
        assert seen[store] == (lawful if store in done else broken)[store], store
    code, said = run_elsewhere(addresses, SKU)
    assert code == 0, said
    assert stores.shown() == lawful
    again = stores.correct(sku=SKU)
    assert not any(each.changed_keys for each in again.outcomes)


def test_rows_of_a_run_that_died_never_come_to_light_with_a_later_ones(
    stores: World, addresses: Addresses
) -> None:
    """Another key is corrected afterwards, under a higher number."""
    break_everything(stores)
    code, said = run_elsewhere(
        addresses, SKU, BACKSTOCK_CRASH_AT="selective.movements.before_shown"
    )
    assert code == CRASH_EXIT_CODE, said
    stores.clickhouse.command(
        "ALTER TABLE movements_v1_corrections UPDATE on_hand_delta = 4711 WHERE sku = 'SKU-3'"
        " SETTINGS mutations_sync = 2"
    )
    stores.clickhouse.command(
        "ALTER TABLE movements_v1 UPDATE on_hand_delta = 98 WHERE sku = 'SKU-4'"
        " SETTINGS mutations_sync = 2"
    )
    code, said = run_elsewhere(addresses, "SKU-4")
    assert code == 0, said
    deltas = [row.on_hand_delta for row in stores.shown()["movements"]]  # type: ignore[attr-defined]
    assert 4711 not in deltas
    assert 98 not in deltas
