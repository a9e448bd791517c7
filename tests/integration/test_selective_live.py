"""Which versions a selective replay changes where they stand, and that readers see it at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from types import ModuleType
from uuid import uuid4

import pytest

from projections.catalogue import STORES
from replay import records
from replay.records import Target
from replay.selective import dimensions, history, in_clickhouse, in_postgres, in_redis
from replay.selective.live import NotActiveError, OtherCodeError, ReplayOpenError
from replay.selective.run import replay_keys
from replay.selective.selection import Selection
from tests.parts import Database
from tests.selective_side import LEDGER, Addresses, World, world

SKU = "SKU-3"
READ_MODELS = ("stock_levels", "availability", "movements")


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
        found.fill(count=120)
        yield found


def break_all(stores: World) -> None:
    """Every SKU's figures of stock_levels and availability, and names and rows of one SKU."""
    stores.plant("UPDATE stock_levels_v1 SET held = held + 1")
    keys = stores.availability.keys(stores.log.shard(LEDGER))
    for name in stores.redis.smembers(keys.keys):
        if stores.redis.hexists(name, "WH"):
            stores.redis.hset(name, "WH", "4711")
    stores.clickhouse.command(
        "INSERT INTO items_v1 SELECT * REPLACE ('impostor' AS name, position + 1 AS position)"
        f" FROM items_v1 FINAL WHERE sku = '{SKU}'"
    )
    stores.clickhouse.command(
        f"ALTER TABLE movements_v1 UPDATE on_hand_delta = 99 WHERE sku = '{SKU}'"
        " SETTINGS mutations_sync = 2"
    )


def open_replay(stores: World, projection: str) -> None:
    with stores.log.pool.connection() as connection, connection.transaction():
        target = Target(projection=projection, from_version=1, to_version=2)
        records.enter(connection, uuid4(), {}, [target])


def test_while_a_replay_of_a_read_model_is_open_its_keys_are_not_corrected(stores: World) -> None:
    """The version beside it would bring the wrong cells back with the next switch."""
    break_all(stores)
    broken = stores.shown()
    open_replay(stores, "availability")
    with pytest.raises(ReplayOpenError, match=r"of availability is open \(planned\)"):
        stores.correct(sku=SKU)
    assert stores.shown() == broken, "nothing is changed in any store"
    wrong = stores.correct(sku=SKU, projections=("availability",), dry_run=True)
    assert [each.changed_keys for each in wrong.outcomes] == [1]
    assert stores.shown() == broken
    done = stores.correct(sku=SKU, projections=("stock_levels",))
    assert done.complete
    assert done.outcomes[0].changed_keys > 0


@pytest.mark.parametrize("name", READ_MODELS)
def test_a_version_that_answers_no_more_when_it_is_written_is_left_alone(
    stores: World, name: str
) -> None:
    """A cut-over came between the choice of the version and the write."""
    break_all(stores)
    broken = stores.shown()
    switch = "UPDATE projections SET state = %s WHERE projection = %s"

    def switched(stage: str, done: int, total: int) -> None:
        if stage == "looking for streams":
            stores.plant(switch, "kept", name)

    with pytest.raises(NotActiveError, match=f"{name} v1 is kept"):
        replay_keys(stores.around, Selection(sku=SKU), projections=[name], observe=switched)
    stores.plant(switch, "active", name)
    assert stores.shown() == broken


@pytest.mark.parametrize("name", STORES)
def test_code_that_did_not_build_a_version_corrects_none_of_its_keys(
    stores: World, name: str
) -> None:
    break_all(stores)
    broken = stores.shown()
    stores.plant(
        "UPDATE projections SET fingerprints = fingerprints || %s::jsonb WHERE projection = %s",
        json.dumps({"stock.returned.v1": "other"}),
        name,
    )
    with pytest.raises(OtherCodeError, match=f"{name} v1 was built .* for stock.returned.v1;"):
        stores.correct(sku=SKU)
    assert stores.shown() == broken


@pytest.mark.parametrize(
    ("name", "module", "point"),
    [
        ("stock_levels", in_postgres, "selective.postgres.before_commit"),
        ("availability", in_redis, "selective.availability.before_call"),
        ("movements", dimensions, "selective.dimensions.before_exchange"),
        ("movements", in_clickhouse, "selective.movements.before_shown"),
    ],
)
def test_all_keys_of_a_ledger_change_at_once_however_many_chunks_they_are_read_in(
    stores: World,
    name: str,
    module: ModuleType,
    point: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lawful = stores.shown()
    break_all(stores)
    place = "items" if module is dimensions else name
    broken = stores.shown()[place]
    seen: list[object] = []

    def reached(at: str) -> None:
        if at == point:
            seen.append(stores.shown()[place])

    monkeypatch.setattr(module, "crash_point", reached)
    monkeypatch.setattr(history, "STREAMS_PER_CHUNK", 2)
    done = stores.correct(ledger=LEDGER, projections=(name,))
    assert seen == [broken], "before the one write, everything is as it was"
    assert stores.shown()[place] == lawful[place]
    assert done.outcomes[0].others_equal


def test_more_streams_than_are_changed_at_once_are_changed_in_parts_and_it_is_told(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lawful = stores.shown()
    break_all(stores)
    correct = partial(stores.correct, ledger=LEDGER, projections=("stock_levels", "availability"))
    monkeypatch.setattr(history, "STREAMS_AT_ONCE_MAX", 3)
    split = [each.as_dict() for each in correct().outcomes]
    assert all(each["writes"] > 1 for each in split)
    assert {place: stores.shown()[place] for place in ("stock_levels", "availability")} == {
        place: lawful[place] for place in ("stock_levels", "availability")
    }
    monkeypatch.undo()
    assert [each.as_dict()["writes"] for each in correct().outcomes] == [1, 1]


def test_a_hash_with_more_fields_than_one_call_takes_is_corrected(stores: World) -> None:
    key = stores.availability.keys(stores.log.shard(LEDGER)).hash_of(LEDGER, SKU)
    lawful = stores.shown()
    stores.redis.hset(key, mapping={f"place-{number}": "1" for number in range(12_000)})
    stores.correct(sku=SKU, projections=("availability",))
    assert stores.shown() == lawful
