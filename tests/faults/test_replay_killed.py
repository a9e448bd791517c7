"""A replayer killed between any two of its steps: the next one goes on, and the bytes are the same.

What is read meanwhile, the active version, is never touched.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from tests.happenings import year
from tests.parts import Database
from tests.replay_process import Replayer
from tests.replay_side import ALL, World, world

EVENTS = 900
STALLED_SECONDS_MAX = 60.0
NAMES = [f"ledger-{number}" for number in range(20)]
LEASE_RUNS_OUT = "UPDATE replays SET owner_until = now() - interval '1 s'"
# In the order in which the read models are built, so that each is met.
POINTS = [
    "replay.availability.part_written:1",
    "replay.availability.part_written:4",
    "replay.availability.parts_written:2",
    "replay.availability.moved:1",
    "replay.movements.claimed:1",
    "replay.movements.inserted:2",
    "movements.before_commit:3",
    "orders.before_commit:1",
    "stock_levels.before_commit:1",
    "replay.stock_levels.written:2",
    "stock_levels.before_commit:2",
]


@dataclass(frozen=True, kw_only=True)
class Killable:
    stores: World
    replayer: Replayer


@pytest.fixture
def killable(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[Killable]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as stores:
        for ledger in stores.log.ledgers_of_one_shard(2):
            stores.log.append_dated(ledger, year(13, EVENTS))
        for projection in ALL:
            stores.feed(projection, 1)
        yield Killable(
            stores=stores,
            replayer=Replayer(
                database=postgres_database,
                redis_url=redis_url,
                redis_prefix=redis_prefix,
                clickhouse_url=clickhouse_url,
                directory=str(tmp_path),
            ),
        )


@pytest.mark.long
def test_killed_at_every_step_in_turn_one_replay_comes_to_the_same_bytes(
    killable: Killable,
) -> None:
    stores = killable.stores
    active = {projection: stores.holds(projection, 1) for projection in ALL}
    replay_id = stores.plan()
    for point in POINTS:
        code, said = killable.replayer.run({"BACKSTOCK_CRASH_AT": point})
        assert code == CRASH_EXIT_CODE, f"{point}: {said}"
        assert stores.replay(replay_id).state == "building"
        with stores.log.pool.connection() as connection:
            connection.execute(LEASE_RUNS_OUT)
    stores.run(replay_id)
    assert stores.replay(replay_id).state == "following"
    for projection in ALL:
        assert stores.holds(projection, 2) == active[projection]
        assert stores.holds(projection, 1) == active[projection]


@pytest.mark.parametrize("parts", [1, 4])
def test_a_range_of_redis_that_was_written_in_part_is_finished_and_not_begun_again(
    killable: Killable, parts: int
) -> None:
    stores = killable.stores
    active = stores.holds("availability", 1)
    replay_id = stores.plan("availability")
    crash = {"BACKSTOCK_CRASH_AT": f"replay.availability.part_written:{parts}"}
    code, said = killable.replayer.run(crash)
    assert code == CRASH_EXIT_CODE, said
    with stores.log.pool.connection() as connection:
        connection.execute(LEASE_RUNS_OUT)
    code, said = killable.replayer.run({})
    assert code == 0, said
    assert stores.replay(replay_id).state == "following"
    assert stores.holds("availability", 2) == active


def test_a_range_written_in_part_is_finished_as_a_range_though_a_stream_was_parked_meanwhile(
    killable: Killable,
) -> None:
    stores = killable.stores
    log = stores.log
    shard = log.shard("acme/main")
    earlier = next(each for each in map(log.ledger, NAMES) if log.shard(each) < shard)
    replay_id = stores.plan("availability")
    crash = {"BACKSTOCK_CRASH_AT": "replay.availability.part_written:1"}
    code, said = killable.replayer.run(crash)
    assert code == CRASH_EXIT_CODE, said
    log.append_raw(earlier, "stock-BAD@WH", "stock.received.v1", b'{"sku":"BAD"}')
    with log.pool.connection() as connection:
        connection.execute(LEASE_RUNS_OUT)
    code, said = killable.replayer.run({})
    assert code == 0, said
    assert stores.replay(replay_id).state == "following"
    stores.feed("availability", 1)
    assert stores.holds("availability", 2) == stores.holds("availability", 1)


@pytest.mark.parametrize(
    ("projection", "point"),
    [
        ("availability", "replay.availability.part_written:2"),
        ("movements", "replay.movements.claimed:1"),
    ],
)
def test_stopped_until_another_has_taken_over_it_writes_nothing_more(
    killable: Killable, projection: str, point: str
) -> None:
    stores = killable.stores
    replay_id = stores.plan(projection)
    with killable.replayer.stopped_at(point) as stalled:
        with stores.log.pool.connection() as connection:
            connection.execute(LEASE_RUNS_OUT)
        code, said = killable.replayer.run({})
        assert code == 0, said
        built = stores.holds(projection, 2)
        stalled.send_signal(signal.SIGCONT)
        assert stalled.wait(STALLED_SECONDS_MAX) != 0
    assert stores.replay(replay_id).state == "following"
    assert stores.holds(projection, 2) == built == stores.holds(projection, 1)
