"""Replays and versions in PostgreSQL: one at a time, one worker at a time, states in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from projections.catalogue import active, ensure, versions
from projections.editions import EDITIONS, RETURNS_TWICE, TODAY
from projections.fingerprints import changed, fingerprints
from projections.versions import (
    VersionStateError,
    create_version,
    drop_version,
    move_version,
)
from replay import records, showing
from replay.records import OverlappingReplayError, ReplayBusyError, ReplayStateError, Target
from replay.steps import UnderWay, owner_of, under_way
from tests.parts import Database
from tests.projection_side import Journal, journal


@pytest.fixture
def log(postgres_database: Database) -> Iterator[Journal]:
    with journal(postgres_database.log) as opened:
        ensure(opened.pool, redis_prefix="test")
        yield opened


@contextmanager
def transaction(log: Journal) -> Iterator[psycopg.Connection]:
    with log.pool.connection() as connection, connection.transaction():
        yield connection


def create(log: Journal, connection: psycopg.Connection, projection: str) -> int:
    model = create_version(
        connection,
        projection,
        edition=TODAY,
        epoch=log.identity.epoch,
        shards=log.identity.shards,
        redis_prefix="test",
    )
    return model.version


@pytest.mark.parametrize(
    "projection", ["stock_levels", "orders", "documents", "availability", "movements"]
)
def test_a_further_version_has_tables_like_the_first_and_stands_at_nothing(
    log: Journal, postgres_database: Database, projection: str
) -> None:
    with transaction(log) as connection:
        version = create(log, connection, projection)
        model = versions(connection, projection)[version]
        assert (version, model.state, model.edition) == (2, "building", "1")
        assert active(connection)[projection].version == 1
        positions = connection.execute(
            "SELECT count(*), sum(position) FROM projection_checkpoints"
            " WHERE projection = %s AND version = 2",
            (projection,),
        ).fetchone()
        assert positions == (log.identity.shards, 0)
    if model.store != "postgres":
        return
    with psycopg.connect(postgres_database.read) as reader:
        for table in model.places.values():
            rows = reader.execute(f'SELECT * FROM "{table}"').fetchall()
            assert rows == []
            forced = reader.execute(
                "SELECT relforcerowsecurity, reloptions FROM pg_class WHERE relname = %s", (table,)
            ).fetchone()
            first = reader.execute(
                "SELECT relforcerowsecurity, reloptions FROM pg_class WHERE relname = %s",
                (table.removesuffix("2") + "1",),
            ).fetchone()
            assert forced == first


def test_only_a_retired_version_is_dropped(log: Journal) -> None:
    not_retired = pytest.raises(psycopg.errors.RaiseException, match="is not retired")
    with not_retired, transaction(log) as connection:
        create(log, connection, "stock_levels")
        drop_version(connection, "stock_levels", 2)
    with transaction(log) as connection:
        create(log, connection, "stock_levels")
        move_version(connection, "stock_levels", 2, wanted=["building"], to="retired")
        drop_version(connection, "stock_levels", 2)
        assert connection.execute("SELECT to_regclass('stock_levels_v2')").fetchone() == (None,)
        with pytest.raises(VersionStateError):
            move_version(connection, "stock_levels", 2, wanted=["building"], to="active")
        assert create(log, connection, "stock_levels") == 3


def test_a_changed_rule_changes_the_fingerprint_of_its_event_type_alone() -> None:
    for projection in ("stock_levels", "availability", "movements"):
        today = fingerprints(projection, TODAY)
        planted = fingerprints(projection, EDITIONS[RETURNS_TWICE])
        assert changed(today, planted) == {"stock.returned.v1"}
        assert changed(today, fingerprints(projection, TODAY)) == frozenset()


def test_a_projection_has_one_open_replay(log: Journal) -> None:
    first, second = uuid4(), uuid4()
    target = Target(projection="orders", from_version=1, to_version=2)
    with transaction(log) as connection:
        records.enter(connection, first, {"why": "a test"}, [target])
    with pytest.raises(OverlappingReplayError), transaction(log) as connection:
        records.enter(connection, second, {}, [target])
    with transaction(log) as connection:
        found = records.replay(connection)
        assert (found.replay_id, found.state, found.targets) == (first, "planned", [target])
        records.close(connection, first)
        records.enter(connection, second, {}, [target])
        assert {each.replay_id for each in records.replays(connection)} == {first, second}


def test_a_replay_has_one_worker_and_its_states_come_in_order(log: Journal) -> None:
    replay_id = uuid4()
    with transaction(log) as connection:
        records.enter(connection, replay_id, {}, [])
        records.lease(connection, replay_id, "a")
        records.lease(connection, replay_id, "a")
        with pytest.raises(ReplayBusyError):
            records.lease(connection, replay_id, "b")
        records.release(connection, replay_id, "a")
        records.renew(connection, replay_id, "a")
        records.lease(connection, replay_id, "b")
        connection.execute("UPDATE replays SET owner_until = clock_timestamp()")
        records.renew(connection, replay_id, "b")
        with pytest.raises(ReplayBusyError):
            records.lease(connection, replay_id, "a")
        records.move(connection, replay_id, wanted=["planned"], to="building")
        with pytest.raises(ReplayStateError, match="is building"):
            records.move(connection, replay_id, wanted=["diffed"], to="promoted")
        records.note(connection, replay_id, progress={"events": 3}, error="none")
        found = records.replay(connection, replay_id)
        assert (found.state, found.progress, found.error) == ("building", {"events": 3}, "none")


def test_a_replay_that_nobody_works_on_is_shown_with_what_its_last_step_did(
    log: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay_id = uuid4()
    with log.pool.connection() as connection:
        records.enter(connection, replay_id, {}, [])
        records.lease(connection, replay_id, owner_of("run", "a"))

        def then_it_ends(*values: Any) -> dict[UUID, UnderWay]:
            found = under_way(*values)
            records.move(connection, replay_id, wanted=["planned"], to="following")
            records.release(connection, replay_id, owner_of("run", "a"))
            return found

        monkeypatch.setattr(showing, "under_way", then_it_ends)
        found = showing.shown(connection, replay_id)
        assert (found["state"], found["step"]["name"]) == ("following", "run")
        monkeypatch.undo()
        (listed,) = showing.listed(connection, 1)
        assert (listed["state"], listed["step"]) == ("following", None)
