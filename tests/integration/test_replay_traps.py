"""Traps that replays of other systems fell into, each laid out for this one.

docs/replay-traps.md lists all of them, with the tests that stand elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import older_process
from tests.parts import Database
from tests.replay_side import World, world

EVENTS = 600


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
