"""Promote, roll back, retire: what the gate asks, and that all stores switch at one point."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from domain import events as facts
from ops.processes.projector import redis_client
from projections.catalogue import ReadModel
from projections.movements.schema import every_table
from replay import cutover as cutover_of
from replay import records
from replay.cutover import CutoverError
from replay.gate import Acceptance, NotPromotableError
from replay.receipt import digest_of
from replay.records import OverlappingReplayError, ReplayStateError
from replay.retiring import StillFedError
from replay.switching import Switch, lock
from tests.cutover_side import (
    ACCEPTED,
    answering,
    difference,
    fed,
    generation,
    one,
    promoted,
    ready,
    retired,
    rolled_back,
)
from tests.happenings import year
from tests.parts import Database
from tests.projection_side import TENANT, applier
from tests.replay_side import World, world

NAMES = ("availability", "documents", "movements", "orders", "stock_levels")
LEDGER = f"{TENANT}/main"
EVENTS = 240
MORE: list[facts.StockEvent] = [
    facts.StockReceived(sku="SKU-1", location="WH", quantity=4),
    facts.StockReturned(sku="SKU-1", location="WH", quantity=2, to="damaged"),
]


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    """A year of one business, shown by the first versions."""
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as found:
        ledger = found.log.ledger("main")
        found.log.append_dated(ledger, year(21, EVENTS))
        for name in NAMES:
            found.feed(name, 1)
        yield found


def compared(stores: World, replay_id: UUID, found: dict[str, object]) -> None:
    with stores.log.pool.connection() as connection:
        records.note(connection, replay_id, diff=found)


def replay_state(stores: World, replay_id: UUID) -> str:
    return stores.replay(replay_id).state


def test_all_stores_switch_at_once_and_back_and_again(stores: World) -> None:
    replay_id = ready(stores)
    before = {name: stores.holds(name, 1) for name in NAMES}
    first = promoted(stores, replay_id, wait=True)
    assert answering(stores) == dict.fromkeys(NAMES, 2) == first.versions
    assert {name: stores.version(name, 1).state for name in NAMES} == dict.fromkeys(NAMES, "kept")
    assert (first.generation, generation(stores), first.done_before) == (2, 2, False)
    assert first.ledgers == {LEDGER: stores.events()}
    assert set(first.shards) == set(NAMES)
    again = promoted(stores, replay_id)
    assert again.done_before
    assert again.as_dict() == first.as_dict()
    back = rolled_back(stores, replay_id, wait=True)
    assert back.seconds < 5
    assert answering(stores) == dict.fromkeys(NAMES, 1)
    assert {name: stores.holds(name, 1) for name in NAMES} == before
    assert (back.generation, replay_state(stores, replay_id)) == (3, "rolled_back")
    assert promoted(stores, replay_id).generation == 4
    kept = stores.replay(replay_id).cutover
    assert kept is not None
    assert [(each["direction"], each["generation"]) for each in kept["history"]] == [
        ("promoted", 2),
        ("rolled_back", 3),
    ]


def test_nothing_is_promoted_before_it_was_compared(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    with pytest.raises(ReplayStateError, match="is planned"):
        promoted(stores, replay_id)
    stores.run(replay_id)
    with pytest.raises(ReplayStateError, match="is following"):
        promoted(stores, replay_id)
    with pytest.raises(ReplayStateError):
        rolled_back(stores, replay_id)
    assert generation(stores) == 1


def test_surprises_are_promoted_only_by_somebody_who_says_why(stores: World) -> None:
    replay_id = ready(stores, "stock_levels", surprises=3)
    with pytest.raises(NotPromotableError, match="3 cells differ"):
        promoted(stores, replay_id)
    with pytest.raises(ValueError, match="for a reason"):
        Acceptance(who="key_a", why=" ")
    assert answering(stores)["stock_levels"] == 1
    promoted(stores, replay_id, acceptance=ACCEPTED)
    found = stores.replay(replay_id)
    assert found.acceptance == {
        "who": ACCEPTED.who,
        "why": ACCEPTED.why,
        "surprises": 3,
        "difference_sha256": digest_of(found.diff or {}),
    }
    rolled_back(stores, replay_id)
    promoted(stores, replay_id)
    rolled_back(stores, replay_id)
    compared(stores, replay_id, difference(3))
    with pytest.raises(NotPromotableError, match="3 cells differ"):
        promoted(stores, replay_id)  # As many, but not those that were accepted.
    compared(stores, replay_id, difference(0))
    promoted(stores, replay_id)
    found = stores.replay(replay_id)
    assert (found.acceptance, (found.receipt or {})["body"]["acceptance"]) == (None, None)


def test_a_difference_that_older_code_has_stored_is_to_be_found_again(stores: World) -> None:
    replay_id = ready(stores, "stock_levels")
    older = {name: value for name, value in difference(0).items() if name != "epoch"}
    compared(stores, replay_id, older)
    with pytest.raises(NotPromotableError, match="other code has compared it"):
        promoted(stores, replay_id)


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({"compared_at": "2001-02-03T04:05:06+00:00"}, "hours ago, 24 at most"),
        ({"epoch": 2}, "the store was restored since it was compared"),
        ({"at": {"stock_levels": {"0": [10**6, 10**6]}}}, "v1 stands before where it was compared"),
    ],
)
def test_a_difference_of_what_is_no_longer_there_promotes_nothing(
    stores: World, altered: dict[str, object], reason: str
) -> None:
    replay_id = ready(stores, "stock_levels")
    compared(stores, replay_id, difference(0) | altered)
    with pytest.raises(NotPromotableError, match=reason):
        promoted(stores, replay_id)
    with pytest.raises(NotPromotableError, match=reason):
        promoted(stores, replay_id, acceptance=ACCEPTED)
    assert generation(stores) == 1
    compared(stores, replay_id, difference(0))
    promoted(stores, replay_id)


def test_a_version_with_a_parked_stream_is_not_promoted(stores: World) -> None:
    replay_id = ready(stores, "stock_levels", "orders")
    with stores.log.pool.connection() as connection:
        connection.execute(
            "INSERT INTO parked_streams"
            " (projection, version, ledger, stream, tenant, position, error)"
            " VALUES ('orders', 2, %s, 'order-o1', %s, 7, 'unreadable')",
            (LEDGER, TENANT),
        )
    with pytest.raises(NotPromotableError, match="orders v2 has 1 parked streams"):
        promoted(stores, replay_id)
    assert answering(stores)["stock_levels"] == 1


def test_a_version_that_other_code_has_built_is_not_promoted(stores: World) -> None:
    replay_id = ready(stores, "stock_levels")
    with stores.log.pool.connection() as connection:
        connection.execute(
            'UPDATE projections SET fingerprints = fingerprints || \'{"stock.returned.v1": "x"}\''
            " WHERE (projection, version) = ('stock_levels', 2)"
        )
    with pytest.raises(NotPromotableError, match=r"folds stock\.returned\.v1 is not that"):
        promoted(stores, replay_id)
    with stores.log.pool.connection() as connection:
        connection.execute(
            "UPDATE projections SET edition = 'of-tomorrow'"
            " WHERE (projection, version) = ('stock_levels', 2)"
        )
    with pytest.raises(NotPromotableError, match="no edition 'of-tomorrow'"):
        promoted(stores, replay_id)
    assert generation(stores) == 1


def test_a_version_behind_holds_up_all_stores_until_it_has_caught_up(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay_id = ready(stores)
    stores.log.append(LEDGER, *MORE)
    for name in NAMES:
        stores.feed(name, 1)
    for name in NAMES[:-1]:
        stores.feed(name, 2)
    with monkeypatch.context() as patch:
        patch.setattr(cutover_of, "ROUNDS_MAX", 1)
        patch.setattr(cutover_of, "ATTEMPTS_MAX", 2)
        with pytest.raises(CutoverError, match="stock_levels v2 is 2 events behind"):
            promoted(stores, replay_id)
    assert answering(stores) == dict.fromkeys(NAMES, 1)
    assert (generation(stores), replay_state(stores, replay_id)) == (1, "diffed")
    with fed(stores, LEDGER, [("stock_levels", 2)]):
        cutover = promoted(stores, replay_id)
    assert cutover.ledgers == {LEDGER: stores.events()}
    assert all(now >= then for shards in cutover.shards.values() for then, now in shards.values())


def test_what_redis_shows_counts_and_not_what_its_row_in_postgres_says(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay_id = ready(stores, "availability")
    stores.log.append(LEDGER, *MORE)
    stores.feed("availability", 1)
    with stores.log.pool.connection() as connection:  # As if it died before it told.
        connection.execute(
            "UPDATE projection_checkpoints SET position = position - 2"
            " WHERE projection = 'availability' AND version = 1 AND shard = %s",
            (stores.log.shard(LEDGER),),
        )
        connection.execute(
            "UPDATE projection_ledgers SET position = position - 2"
            " WHERE projection = 'availability' AND version = 1"
        )
    with monkeypatch.context() as patch:
        patch.setattr(cutover_of, "ROUNDS_MAX", 1)
        patch.setattr(cutover_of, "ATTEMPTS_MAX", 2)
        with pytest.raises(CutoverError, match="availability v2 is 2 events behind"):
            promoted(stores, replay_id)
    stores.feed("availability", 2)
    assert promoted(stores, replay_id).generation == 2


def test_while_a_switch_holds_the_rows_the_keys_in_redis_stand_still(stores: World) -> None:
    ready(stores, "availability")
    recorded = stores.log.append(LEDGER, *MORE)
    shard = stores.log.shard(LEDGER)
    made = stores.around.make(stores.version("availability", 1))
    made.checkpoint(shard)
    work = applier(stores.log, made)
    started = threading.Event()

    def follow() -> None:
        started.set()
        work.apply(recorded)

    thread = threading.Thread(target=follow)
    switch = Switch(outgoing={"availability": 1}, incoming={"availability": 2}, wanted=[])
    with closing(redis_client(stores.around.stores)) as client:
        key = f"{stores.version('availability', 1).places['availability']}:{{{shard}}}:checkpoint"
        before = client.hget(key, "position")
        with stores.log.pool.connection() as connection, connection.transaction():
            lock(connection, switch)
            thread.start()
            started.wait()
            time.sleep(0.3)
            assert client.hget(key, "position") == before
        thread.join()
        assert client.hget(key, "position") == str(stores.events()).encode()


def test_two_promotes_at_once_switch_once(stores: World) -> None:
    replay_id = ready(stores, "stock_levels", "movements")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(promoted(stores, replay_id).generation))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2, 2, 2]
    assert generation(stores) == 2


def test_a_retired_version_is_gone_from_every_store_and_the_next_replay_may_begin(
    stores: World,
) -> None:
    replay_id = ready(stores)
    promoted(stores, replay_id)
    with pytest.raises(OverlappingReplayError):
        stores.plan("orders")
    assert sorted(retired(stores, replay_id)) == [f"{name} v1" for name in NAMES]
    assert retired(stores, replay_id) == sorted(f"{name} v1" for name in NAMES)
    assert one(stores, "SELECT count(*) FROM stock_levels_v1") == 0
    assert one(stores, "SELECT count(*) FROM projection_checkpoints WHERE version = 1") == 0
    prefix = stores.around.stores.settings.redis_prefix
    assert list(stores.clients.redis.scan_iter(f"{prefix}:availability:v1:*")) == []
    assert list(stores.clients.redis.scan_iter(f"{prefix}:availability:v2:*")) != []
    tables = stores.clients.clickhouse.query("SHOW TABLES").result_rows
    assert {name for (name,) in tables} == {table.name for table in every_table(2)}
    with pytest.raises(ReplayStateError, match="is retired"):
        rolled_back(stores, replay_id)
    second = ready(stores, edition="1")
    promoted(stores, second)
    rolled_back(stores, second)
    assert sorted(retired(stores, second)) == [f"{name} v3" for name in NAMES]
    assert answering(stores) == dict.fromkeys(NAMES, 2)
    assert retired(stores, replay_id) == sorted(f"{name} v1" for name in NAMES), "and no others"
    assert one(stores, "SELECT to_regclass('stock_levels_v3')") is None
    assert stores.holds("stock_levels", 2) != {}


def test_a_version_is_not_dropped_under_who_still_feeds_it(stores: World) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    with stores.log.pool.connection() as connection:
        connection.execute(
            "UPDATE projection_checkpoints SET lease_owner = 'p1#a',"
            " lease_until = clock_timestamp() + interval '1 minute'"
            " WHERE (projection, version, shard) = ('stock_levels', 1, 3)"
        )
    with pytest.raises(StillFedError, match="p1#a"):
        retired(stores, replay_id)
    assert one(stores, "SELECT count(*) FROM stock_levels_v1") > 0
    with stores.log.pool.connection() as connection:
        connection.execute("UPDATE projection_checkpoints SET lease_owner = NULL")
    assert retired(stores, replay_id) == ["stock_levels v1"]


def test_a_reader_of_the_tables_holds_a_drop_up_but_is_not_cut_off(
    stores: World, postgres_database: Database
) -> None:
    replay_id = ready(stores, "stock_levels")
    promoted(stores, replay_id)
    with psycopg.connect(postgres_database.log) as reader:
        assert reader.execute("SELECT count(*) FROM stock_levels_v1").fetchone() is not None
        thread = threading.Thread(target=retired, args=(stores, replay_id))
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
        assert reader.execute("SELECT count(*) > 0 FROM stock_levels_v1").fetchone() == (True,)
    thread.join()
    model: ReadModel = stores.version("stock_levels", 1)
    assert model.state == "retired"
