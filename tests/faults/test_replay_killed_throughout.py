"""One replay killed at dozens of seeded points, from its first event to the last dropped table.

Whoever runs the step again goes on; somebody who reads all stores meanwhile never sees two
versions; and the bytes are those of a replay that nobody disturbed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from projections.editions import RETURNS_TWICE
from tests.cutover_side import answering
from tests.happenings import year
from tests.parts import Database
from tests.polling import polled
from tests.replay_process import Replayer
from tests.replay_side import ALL, World, world

EVENTS = 1_500
LEASE_RUNS_OUT = "UPDATE replays SET owner_until = now() - interval '1 s'"
POINTS_MIN = 30
WORK_SECONDS = 0.1
# (step, point, up to which occurrence), in the order in which read models are built: each occurs.
# No event by event while a range of Redis is written in part.
BUILDING = [
    ("build", "replay.availability.part_written", 5),
    ("build", "replay.availability.part_written", 5),
    ("build", "replay.availability.parts_written", 2),
    ("build", "replay.availability.moved", 1),
    ("apply", "availability.after_call", 3),
    ("build", "replay.movements.claimed", 3),
    ("build", "replay.movements.inserted", 3),
    ("build", "movements.before_commit", 3),
    ("apply", "movements.after_claim", 2),
    ("apply", "movements.after_insert", 2),
    ("apply", "orders.before_commit", 4),
    ("apply", "orders.before_commit", 4),
    ("apply", "stock_levels.before_commit", 3),
    ("build", "stock_levels.before_commit", 2),
    ("build", "replay.stock_levels.written", 2),
]
COMPARING = [("diff", "diff.compared", 3), ("diff", "diff.compared", 3), ("diff", "diff.known", 1)]
SWITCHING = ["locked", "caught_up", "moved", "before_commit", "committed"]
PROMOTING = [("promote", f"cutover.{each}", 1) for each in ("careful", "forgotten", *SWITCHING)]
RECEIPT = [("receipt", "receipt.appended", 1)]
GOING_BACK = [("rollback", f"cutover.{each}", 1) for each in SWITCHING]
RETIRING = [
    ("retire", "retire.moved", 1),
    ("retire", "retire.let_go", 1),
    ("retire", "retire.dropped_outside", 3),
]


@dataclass(slots=True, kw_only=True)
class Killing:
    stores: World
    replayer: Replayer
    chance: random.Random
    points: int = 0

    def at(self, *points: tuple[str, str, int]) -> None:
        """Die at each of them in turn."""
        for step, point, occurrences in points:
            where = f"{point}:{self.chance.randint(1, occurrences)}"
            crash = {"BACKSTOCK_CRASH_AT": where}
            code, said = replace(self.replayer, step=step).run(crash)
            assert code == CRASH_EXIT_CODE, f"{step} at {where}: {said}"
            self._dead()

    def somewhere(self, step: str, *, cores: int = 0) -> None:
        """Killed from outside, while it works."""
        seconds = self.chance.uniform(0, WORK_SECONDS)
        replace(self.replayer, step=step, cores=cores).killed_after(seconds)
        self._dead()

    def done(self, step: str) -> None:
        code, said = replace(self.replayer, step=step).run({})
        assert code == 0, f"{step}: {said}"

    def _dead(self) -> None:
        self.points += 1
        with self.stores.log.pool.connection() as connection:
            connection.execute(LEASE_RUNS_OUT)


@pytest.fixture
def replayer(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Replayer:
    return Replayer(
        database=postgres_database,
        redis_url=redis_url,
        redis_prefix=redis_prefix,
        clickhouse_url=clickhouse_url,
        directory=str(tmp_path),
    )


@pytest.fixture
def stores(replayer: Replayer) -> Iterator[World]:
    with world(
        replayer.database,
        replayer.redis_url,
        replayer.redis_prefix,
        replayer.clickhouse_url,
        Path(replayer.directory),
    ) as opened:
        for ledger in opened.log.ledgers_of_one_shard(2):
            opened.log.append_dated(ledger, year(17, EVENTS))
        for projection in ALL:
            opened.feed(projection, 1)
        yield opened


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_more_than_thirty_points_it_resumes_is_never_mixed_and_ends_at_the_same_bytes(
    stores: World, replayer: Replayer, seed: int
) -> None:
    kill = Killing(stores=stores, replayer=replayer, chance=random.Random(seed))
    before = {name: stores.holds(name, 1) for name in ALL}
    replay_id = stores.plan(edition=RETURNS_TWICE)
    with polled(stores, ALL) as seen:
        kill.somewhere("build", cores=2)
        kill.somewhere("build", cores=2)
        kill.at(*BUILDING)
        assert stores.replay(replay_id).state == "building"
        kill.done("build")
        built = {name: stores.holds(name, 2) for name in ALL}
        kill.somewhere("diff")
        kill.at(*COMPARING)
        kill.done("diff")
        kill.at(*PROMOTING)
    # The rest appends receipts to the log, of which no read model shows anything.
    with polled(stores, ALL) as later:
        kill.at(*RECEIPT)
        kill.done("receipt")
        kill.at(*GOING_BACK)
        kill.done("promote")
        kill.at(*RETIRING)
        kill.done("retire")
    assert kill.points >= POINTS_MIN
    assert stores.replay(replay_id).state == "retired"
    assert answering(stores) == dict.fromkeys(ALL, 2)
    assert {**seen.held, **later.held} == {(1,) * len(ALL): [before], (2,) * len(ALL): [built]}
    assert built["stock_levels"] != before["stock_levels"], "or old and new look the same"
    # Hashes also say how far each ledger is, and the receipts have taken it further.
    for projection in ALL:
        stores.feed(projection, 2)
    stores.run(stores.plan(edition=RETURNS_TWICE))
    assert {name: stores.holds(name, 3) for name in ALL} == {
        name: stores.holds(name, 2) for name in ALL
    }
    assert stores.holds("movements", 3) == built["movements"]
