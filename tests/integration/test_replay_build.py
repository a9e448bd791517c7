"""Versions built beside the active ones: from the log, in big batches, up to its head."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
    assert told[-1].events == told[-1].events_total == 4 * stores.events()
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
