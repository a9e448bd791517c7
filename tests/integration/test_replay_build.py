"""Versions built beside the active ones: from the log, in big batches, up to its head."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from psycopg.errors import DiskFull

from domain.events import LocationRegistered
from eventlog.projection import StoreUnavailableError
from projections.editions import Edition
from projections.movements.schema import every_table
from projections.stock_facts import RULES, Move
from projections.stock_levels.fold import LevelChange
from replay import holding, pacing, records
from replay.budget import Budget
from replay.building import BuildFailedError, CodeChangedError, _Build
from replay.bulk import folds, hash_sink, merging, sinks
from replay.holding import LeaseLostError
from replay.paranoia import Paranoia
from replay.records import ReplayBusyError
from replay.retiring import StillFedError
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import ALL, World, world

EVENTS = 1_500


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        yield opened


def fill(stores: World, *, seed: int = 3, events: int = EVENTS) -> None:
    for ledger in stores.log.ledgers_of_one_shard(2):
        stores.log.append_dated(ledger, year(seed, events))
    stores.log.append_dated(stores.log.ledger("other"), year(seed + 1, 40))


@pytest.mark.parametrize("range_events", [None, 100, 20_000], ids=["applied", "cut", "whole"])
def test_a_version_of_every_read_model_is_built_beside_the_active_one(
    stores: World, range_events: int | None
) -> None:
    fill(stores)
    for projection in ALL:
        stores.feed(projection, 1)
    active = {projection: stores.holds(projection, 1) for projection in ALL}
    replay_id = stores.plan()
    assert stores.replay(replay_id).state == "planned"
    told = stores.run(replay_id, range_events=range_events)
    assert stores.slow == []
    found = stores.replay(replay_id)
    assert (found.state, found.error, found.owner) == ("following", None, None)
    for projection in ALL:
        assert stores.version(projection, 2).state == "following"
        assert stores.holds(projection, 2) == active[projection]
        assert stores.holds(projection, 1) == active[projection]
    assert told[-1].events == told[-1].events_total == len(ALL) * stores.events()
    assert found.progress == told[-1].as_dict()


def test_what_comes_after_the_build_is_fed_to_the_version_like_to_the_active_one(
    stores: World,
) -> None:
    fill(stores)
    stores.run(stores.plan())
    fill(stores, seed=8, events=300)
    for projection in ALL:
        stores.feed(projection, 1)
        stores.feed(projection, 2)
        assert stores.holds(projection, 2) == stores.holds(projection, 1)


@pytest.mark.parametrize("cores", [0, 2])
@pytest.mark.parametrize("projection", ALL)
def test_built_twice_and_cut_otherwise_every_read_model_has_the_same_bytes(
    stores: World, projection: str, cores: int
) -> None:
    fill(stores)
    replay_id = stores.plan(projection)
    stores.run(replay_id, paranoid=True, budget=Budget(cores=cores))
    assert stores.replay(replay_id).state == "following"
    assert stores.version(projection, 3).state == "retired"


def test_a_fold_that_depends_on_how_events_are_cut_is_found_out(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_wins(known: LevelChange, later: LevelChange) -> None:
        assert known.last.shard_position < later.last.shard_position

    fill(stores)
    monkeypatch.setattr(merging, "_add_level", first_wins)
    replay_id = stores.plan("stock_levels")
    with pytest.raises(BuildFailedError, match="depends on more than the events"):
        stores.run(replay_id, paranoid=True)
    assert stores.replay(replay_id).state == "failed"
    assert stores.version("stock_levels", 3).state == "retired"


def test_a_log_without_an_event_of_a_read_model_is_built_all_the_same(stores: World) -> None:
    ledger = stores.log.ledger("main")
    stores.log.append(ledger, LocationRegistered(location="WH", name="WH"))
    replay_id = stores.plan()
    stores.run(replay_id)
    assert stores.replay(replay_id).state == "following"
    for projection in ALL:
        stores.feed(projection, 1)
        assert stores.holds(projection, 2) == stores.holds(projection, 1)


def stopped_half_way(stores: World, projection: str) -> UUID:
    """A replay that has written some of its version and was stopped."""
    replay_id = stores.plan(projection)
    stop = Event()
    budget = Budget(batch_events=200)
    with pytest.MonkeyPatch.context() as patch:
        reached = _Build._note

        def note(self: _Build, *values: Any) -> None:
            reached(self, *values)
            if values[2] > 0:
                stop.set()

        patch.setattr(_Build, "_note", note)
        for sink in (sinks, hash_sink):
            patch.setattr(sink, "EVENTS_MAX", 300)
        stores.run(replay_id, stop=stop, budget=budget)
    assert stores.replay(replay_id).state == "building"
    return replay_id


@pytest.mark.parametrize("projection", ALL)
def test_a_version_emptied_while_its_replay_was_stopped_is_built_from_the_beginning(
    stores: World, projection: str
) -> None:
    fill(stores)
    stores.feed(projection, 1)
    replay_id = stopped_half_way(stores, projection)
    empty(stores, projection)
    stores.run(replay_id)
    assert stores.replay(replay_id).state == "following"
    assert stores.holds(projection, 2) == stores.holds(projection, 1)


def empty(stores: World, projection: str) -> None:
    places = stores.version(projection, 2).places.values()
    if projection == "availability":
        (prefix,) = places
        for key in stores.clients.redis.scan_iter(f"{prefix}:*"):
            stores.clients.redis.delete(key)
    elif projection == "movements":
        for table in places:
            stores.clients.clickhouse.command(f"TRUNCATE TABLE {table}")
    else:
        with stores.log.pool.connection() as connection:
            connection.execute(f"TRUNCATE {', '.join(places)}".encode())


def test_an_event_that_cannot_be_folded_parks_its_stream_and_the_others_flow(
    stores: World,
) -> None:
    fill(stores)
    ledger = stores.log.ledger("main")
    stores.log.append_raw(ledger, "stock-BAD@WH", "stock.received.v1", b'{"sku":"BAD"}')
    stores.log.append_dated(ledger, year(5, 200))
    for projection in ALL:
        stores.feed(projection, 1)
    stores.run(stores.plan())
    assert stores.slow
    for projection in ALL:
        assert stores.holds(projection, 2) == stores.holds(projection, 1)
    with stores.log.pool.connection() as connection:
        parked = connection.execute(
            "SELECT projection, version FROM parked_streams WHERE stream = 'stock-BAD@WH'"
        ).fetchall()
    built = {"stock_levels", "availability", "movements"}
    assert set(parked) == {(each, version) for each in built for version in (1, 2)}


def test_a_fold_that_raises_fails_the_replay_and_leaves_what_is_read_alone(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Move:
        raise RuntimeError("a fault in the code")

    fill(stores)
    stores.feed("stock_levels", 1)
    before = stores.holds("stock_levels", 1)
    replay_id = stores.plan("stock_levels")
    rules = {stored: rule._replace(move=broken) for stored, rule in RULES.items()}
    with monkeypatch.context() as patch:
        patch.setattr(folds, "edition", lambda name: Edition(name=name, rules=rules))
        with pytest.raises(BuildFailedError, match="a fault in the code"):
            stores.run(replay_id)
    found = stores.replay(replay_id)
    assert (found.state, found.owner) == ("failed", None)
    assert "RuntimeError: a fault in the code" in (found.error or "")
    assert stores.holds("stock_levels", 1) == before
    stores.run(replay_id)
    assert stores.replay(replay_id).state == "following"
    assert stores.holds("stock_levels", 2) == before


def test_a_full_disk_fails_the_replay_at_once(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise StoreUnavailableError("PostgreSQL", DiskFull("could not extend file"))

    fill(stores)
    replay_id = stores.plan("stock_levels")
    monkeypatch.setattr(sinks.LevelSink, "write", full)
    with pytest.raises(BuildFailedError, match="could not extend file"):
        stores.run(replay_id)
    assert stores.replay(replay_id).state == "failed"


def test_who_has_lost_the_lease_writes_nothing_more(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(stores)
    replay_id = stores.plan("stock_levels")
    monkeypatch.setattr(holding, "MARGIN_SECONDS", records.LEASE_SECONDS + 1)
    with pytest.raises(LeaseLostError):
        stores.run(replay_id)
    assert stores.replay(replay_id).state == "building"
    assert stores.holds("stock_levels", 2)["stock_levels"].startswith("0:")


def test_another_process_is_refused_while_one_works_on_it(stores: World) -> None:
    fill(stores)
    replay_id = stores.plan("stock_levels")
    with stores.log.pool.connection() as connection:
        records.lease(connection, replay_id, "somebody")
    with pytest.raises(ReplayBusyError):
        stores.run(replay_id)
    assert stores.replay(replay_id).state == "planned"


def test_a_version_whose_code_has_changed_since_it_was_planned_is_not_built(stores: World) -> None:
    fill(stores)
    replay_id = stores.plan("stock_levels")
    with stores.log.pool.connection() as connection:
        connection.execute(
            'UPDATE projections SET fingerprints = fingerprints || \'{"stock.returned.v1": "x"}\''
            " WHERE version = 2"
        )
    with pytest.raises(CodeChangedError, match=r"stock\.returned\.v1"):
        stores.run(replay_id)
    assert stores.replay(replay_id).state == "planned"


def test_a_cancelled_replay_leaves_nothing_and_another_may_begin(stores: World) -> None:
    fill(stores)
    replay_id = stores.plan()
    stores.run(replay_id)
    stores.cancel(replay_id)
    stores.cancel(replay_id)
    assert stores.replay(replay_id).state == "cancelled"
    prefix = stores.version("availability", 2).places["availability"]
    assert not list(stores.clients.redis.scan_iter(f"{prefix}:*"))
    tables = {row[0] for row in stores.clients.clickhouse.query("SHOW TABLES").result_rows}
    assert tables.isdisjoint(stores.version("movements", 2).places.values())
    again = stores.plan("orders")
    assert [each.to_version for each in stores.replay(again).targets] == [3]


def test_it_waits_while_a_live_read_model_lags_and_says_so(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "PAUSE_SECONDS_MAX", 0.3)
    fill(stores)
    feeder(stores, "stock_levels", 1)
    told = stores.run(stores.plan("orders"), budget=Budget(live_lag_seconds=0.0))
    assert any("a live projection is" in each.waiting for each in told)
    assert told[-1].state == "following"


def test_it_does_not_wait_for_a_read_model_that_nobody_feeds(stores: World) -> None:
    fill(stores)
    told = stores.run(stores.plan("orders"), budget=Budget(live_lag_seconds=0.0))
    assert {each.waiting for each in told} == {""}


def test_a_check_for_determinism_that_is_stopped_says_nothing_against_the_fold(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(stores)
    replay_id = stores.plan("stock_levels")
    stop = Event()
    fold_again = _Build._fold_again

    def stopped(self: _Build, *values: Any) -> bool:
        stop.set()
        return fold_again(self, *values)

    with monkeypatch.context() as patch:
        patch.setattr(_Build, "_fold_again", stopped)
        stores.run(replay_id, stop=stop, paranoid=True)
    found = stores.replay(replay_id)
    assert (found.state, found.error) == ("building", None)
    stores.run(replay_id, paranoid=True)
    assert stores.replay(replay_id).state == "following"


def killed_in_its_second_build(stores: World, replay_id: UUID) -> None:
    """What a paranoid run leaves behind that nobody can tidy up after."""
    with pytest.MonkeyPatch.context() as patch:

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(Paranoia, "_drop", die)
        with pytest.raises(KeyboardInterrupt):
            stores.run(replay_id, paranoid=True)
    assert stores.version("movements", 3).state == "building"


def movements_tables(stores: World, version: int) -> set[str]:
    tables = {row[0] for row in stores.clients.clickhouse.query("SHOW TABLES").result_rows}
    return tables & {table.name for table in every_table(version)}


def test_a_later_run_drops_what_a_killed_check_has_left(stores: World) -> None:
    fill(stores, events=100)
    replay_id = stores.plan("movements")
    killed_in_its_second_build(stores, replay_id)
    assert movements_tables(stores, 3)
    stores.run(replay_id)
    assert stores.replay(replay_id).state == "following"
    assert stores.version("movements", 3).state == "retired"
    assert not movements_tables(stores, 3)


def test_a_cancelled_replay_takes_with_it_what_a_killed_check_has_left(stores: World) -> None:
    fill(stores, events=100)
    replay_id = stores.plan("movements")
    killed_in_its_second_build(stores, replay_id)
    stores.cancel(replay_id)
    for version in (2, 3):
        assert stores.version("movements", version).state == "retired"
        assert not movements_tables(stores, version)
    stores.plan("movements")


def test_a_version_that_somebody_still_feeds_is_not_dropped_under_him(stores: World) -> None:
    fill(stores, events=100)
    replay_id = stores.plan("stock_levels")
    stores.run(replay_id)
    feeder(stores, "stock_levels", 2)
    with pytest.raises(StillFedError, match="stock_levels v2 is still fed by a projector"):
        stores.cancel(replay_id)
    assert stores.holds("stock_levels", 2)
    with stores.log.pool.connection() as connection:
        connection.execute("UPDATE projection_checkpoints SET lease_owner = NULL")
    stores.cancel(replay_id)
    assert stores.version("stock_levels", 2).state == "retired"


def feeder(stores: World, projection: str, version: int) -> None:
    """A projector at work on it, for a minute."""
    with stores.log.pool.connection() as connection:
        connection.execute(
            "UPDATE projection_checkpoints SET lease_owner = 'a projector',"
            " lease_until = clock_timestamp() + interval '60 s'"
            " WHERE projection = %s AND version = %s",
            (projection, version),
        )
