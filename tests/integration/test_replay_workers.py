"""Processes that fold for a build: stopped in the middle of their work, and killed at it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from pathlib import Path
from threading import Event

import pytest

from projections.editions import CURRENT
from replay.archive.faults import ArchiveError
from replay.budget import Budget
from replay.building import BuildFailedError
from replay.bulk import workers
from replay.bulk.ranges import Folded, Pages, Range, Refused
from replay.bulk.workers import FoldFailedError, Workers
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import World, world

SHARDS = 3
SECONDS_MAX = 30.0
Answers = Iterator[Folded | Refused]


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        fill(opened)
        opened.feed("stock_levels", 1)
        yield opened


def fill(stores: World) -> None:
    filled: set[int] = set()
    for number in range(100):
        ledger = stores.log.ledger(f"l{number}")
        shard = stores.log.shard(ledger)
        if shard not in filled:
            filled.add(shard)
            stores.log.append_dated(ledger, year(number, 250))
        if len(filled) == SHARDS:
            return


def when_answered(
    monkeypatch: pytest.MonkeyPatch, do: Callable[[Workers, Folded | Refused], None]
) -> None:
    """Processes are all there before they are given work; `do` is called with each answer."""
    fold, started = Workers.fold, Workers._start

    def start(self: Workers) -> None:
        started(self)
        wait(self._started, SECONDS_MAX)

    def told(self: Workers, ranges: Iterable[Range]) -> Answers:
        for answer in fold(self, ranges):
            do(self, answer)
            yield answer

    monkeypatch.setattr(Workers, "_start", start)
    monkeypatch.setattr(Workers, "fold", told)


def kill_one(running: Workers) -> None:
    assert running._executor is not None
    pid = min(running._executor._processes)
    os.kill(pid, signal.SIGKILL)


class Damaged:
    """A `Source` whose error cannot travel between processes."""

    def open(self) -> Pages:
        raise ArchiveError("here", "no manifest")


RANGE = Range(projection="orders", version=2, edition=CURRENT, shard=0, after=0, last=9)


def test_what_a_worker_cannot_open_is_named_and_is_no_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_source_of_process", [Damaged()])
    with pytest.raises(FoldFailedError, match="ArchiveError: here: no manifest"):
        workers._checked(workers._fold(RANGE, workers._code(RANGE)))


def test_a_worker_that_has_found_other_code_on_the_disk_folds_nothing() -> None:
    code = dict(workers._code(RANGE)) | {"order.placed.v1": "of the release that runs"}
    with pytest.raises(FoldFailedError, match=r"no longer the one that runs .*order\.placed\.v1"):
        workers._checked(workers._fold(RANGE, code))


@pytest.mark.parametrize("cores", [0, 2])
def test_stopped_between_two_shards_a_build_is_gone_on_with_later(
    stores: World, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    stop = Event()
    shards: set[int] = set()

    def stop_at_the_second_shard(_: Workers, answer: Folded | Refused) -> None:
        shards.add(answer.of.shard)
        if len(shards) == 2:
            stop.set()

    replay_id = stores.plan("stock_levels")
    with monkeypatch.context() as patch:
        when_answered(patch, stop_at_the_second_shard)
        stores.run(replay_id, stop=stop, budget=Budget(cores=cores))
    assert len(shards) >= 2
    found = stores.replay(replay_id)
    assert (found.state, found.error, found.owner) == ("building", None, None)
    stores.run(replay_id)
    assert stores.replay(replay_id).state == "following"
    assert stores.holds("stock_levels", 2) == stores.holds("stock_levels", 1)


def test_a_worker_that_is_killed_is_replaced_and_its_ranges_are_folded_again(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Event()

    def kill_once(running: Workers, _: Folded | Refused) -> None:
        if not killed.is_set():
            killed.set()
            kill_one(running)

    when_answered(monkeypatch, kill_once)
    replay_id = stores.plan("stock_levels")
    stores.run(replay_id, budget=Budget(cores=2), range_events=25)
    assert killed.is_set()
    assert stores.replay(replay_id).state == "following"
    assert stores.holds("stock_levels", 2) == stores.holds("stock_levels", 1)


def test_workers_that_are_killed_again_and_again_fail_the_replay_and_memory_is_named(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STARTED_ANEW_MAX", 1)
    replay_id = stores.plan("stock_levels")
    with monkeypatch.context() as patch:
        when_answered(patch, lambda running, _: kill_one(running))
        with pytest.raises(BuildFailedError, match=r"died 2 times.* memory.*--cores 1"):
            stores.run(replay_id, budget=Budget(cores=2), range_events=25)
    assert stores.replay(replay_id).state == "failed"
    stores.run(replay_id)
    assert stores.holds("stock_levels", 2) == stores.holds("stock_levels", 1)
