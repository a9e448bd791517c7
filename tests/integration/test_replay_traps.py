"""Traps that replays of other systems fell into, each laid out for this one.

docs/replay-traps.md lists all of them, with the tests that stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import older_process
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import ALL, World, world

EVENTS = 600


def test_older_shapes_of_events_are_brought_up_by_the_replay_as_by_the_live_path(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> None:
    found = older_process.run(
        postgres_database, redis_url, redis_prefix, clickhouse_url, str(tmp_path)
    )
    assert found["on_hand"] == 4
    assert found["parked"] == []
    assert found["slow"] == []
    assert found["replayed"] == found["live"]


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        opened.log.append_dated(opened.log.ledger("main"), year(5, EVENTS))
        yield opened


UNCOMMITTED = """
INSERT INTO events (shard, shard_position, ledger_position, stream_version, occurred_at,
                    recorded_at, event_id, tenant, ledger, stream, type, data, metadata, chain_hash)
SELECT shard, shard_position + 1, ledger_position + 1, 10000, occurred_at, recorded_at,
       gen_random_uuid(), tenant, ledger, stream, type, data, metadata, chain_hash
  FROM events WHERE ledger = 'acme/main' ORDER BY ledger_position DESC LIMIT 1
"""


def test_transactions_that_stay_open_neither_stall_a_replay_nor_hide_what_comes_after_them(
    stores: World, postgres_database: Database
) -> None:
    with (
        psycopg.connect(postgres_database.admin) as idle,
        psycopg.connect(postgres_database.admin) as writing,
    ):
        idle.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        idle.execute("SELECT pg_current_xact_id(), count(*) FROM events")
        assert writing.execute(UNCOMMITTED).rowcount == 1
        replay_id = stores.plan()
        stores.run(replay_id)
        assert stores.replay(replay_id).state == "following"
        for projection in ALL:
            stores.feed(projection, 1)
            assert stores.holds(projection, 2) == stores.holds(projection, 1)
        writing.rollback()
        stores.log.append_dated(stores.log.ledger("main"), year(6, 100))
        for projection in ALL:
            for version in (1, 2):
                stores.feed(projection, version)
            assert stores.holds(projection, 2) == stores.holds(projection, 1)
    told = "SELECT min(position) FROM projection_checkpoints WHERE shard = %s"
    shard = stores.log.shard("acme/main")
    with stores.log.pool.connection() as connection:
        ((least,),) = connection.execute(told, (shard,)).fetchall()
    assert least == stores.events()
