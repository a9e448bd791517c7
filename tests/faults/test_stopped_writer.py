"""A writer is stopped, or killed, while it holds a shard's head."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from eventlog.chain import chain_over
from eventlog.crash_points import CRASH_VARIABLE, STOP_VARIABLE
from eventlog.log import GENESIS_HASH, ShardBusyError
from eventlog.postgres.answers import find_answers
from eventlog.postgres.heads import ledger_head
from tests.appends import LEDGER, Store, event, log
from tests.parts import Database

ROOT = Path(__file__).parents[2]
OTHERS_SECONDS_MAX = 5.0
WRITERS = 4


@pytest.fixture
def store(postgres_database: Database) -> Iterator[Store]:
    with log(postgres_database.log) as opened:
        opened.append(event("before", 1))
        yield opened


@contextmanager
def writer(dsn: str, **armed: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.writer_process", dsn, "zombie"],
        cwd=ROOT,
        env={**os.environ, **armed},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_stopped(process: subprocess.Popen[str]) -> None:
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def appended_by_others(store: Store) -> float:
    """Four writers append at once; returns the seconds until the last of them is through."""
    started = monotonic()
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(lambda number: store.append(event(f"s-{number}", 1)), range(WRITERS)))
    return monotonic() - started


def assert_sound(store: Store) -> None:
    stored = store.all_events()
    head = ledger_head(store.pool, LEDGER)
    assert head is not None
    assert [each.ledger_position for each in stored] == list(range(1, head.position + 1))
    assert chain_over(GENESIS_HASH, stored) == head.chain_hash


@pytest.mark.parametrize(
    ("moment", "ended"),
    [
        # It finds its session gone, asks for the lock anew and is told to decide again.
        ("append.locked", "SecondThoughtsError"),
        ("append.copying", "SecondThoughtsError"),
        # It sends its commit into a session that is gone, so it cannot know.
        ("append.copied", "AppendUnknownError"),
    ],
)
def test_others_go_on_and_the_stopped_writer_comes_back_to_nothing(
    moment: str, ended: str, store: Store, postgres_database: Database
) -> None:
    with writer(postgres_database.log, **{STOP_VARIABLE: moment}) as zombie:
        wait_until_stopped(zombie)
        assert appended_by_others(store) < OTHERS_SECONDS_MAX
        zombie.send_signal(signal.SIGCONT)
        output, _ = zombie.communicate(timeout=30)
    assert output.strip() == ended
    assert {each.stream for each in store.all_events()} == {"before", "s-0", "s-1", "s-2", "s-3"}
    assert find_answers(store.pool, LEDGER, ["zombie"]) == {}
    assert_sound(store)


def test_a_writer_stopped_after_its_commit_holds_up_nobody(
    store: Store, postgres_database: Database
) -> None:
    with writer(postgres_database.log, **{STOP_VARIABLE: "append.committed"}) as zombie:
        wait_until_stopped(zombie)
        assert appended_by_others(store) < OTHERS_SECONDS_MAX
        zombie.send_signal(signal.SIGCONT)
        output, _ = zombie.communicate(timeout=30)
    assert output.strip() == "appended"
    assert_sound(store)


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        ("append.locked", False),
        ("append.copying", False),
        ("append.copied", False),
        ("append.committed", True),
    ],
)
def test_a_killed_writer_leaves_all_or_nothing(
    moment: str, kept: bool, store: Store, postgres_database: Database
) -> None:
    with writer(postgres_database.log, **{CRASH_VARIABLE: moment}) as process:
        assert process.wait(timeout=30) == 137
        assert appended_by_others(store) < OTHERS_SECONDS_MAX
    zombies = [each for each in store.all_events() if each.stream == "zombie"]
    assert len(zombies) == (200 if kept else 0)
    assert (find_answers(store.pool, LEDGER, ["zombie"]) != {}) is kept
    assert_sound(store)


def test_a_holder_that_is_at_work_is_left_alone(store: Store, postgres_database: Database) -> None:
    with (
        psycopg.connect(postgres_database.log) as busy,
        ThreadPoolExecutor(1) as threads,
    ):
        busy.execute("SELECT FROM shards WHERE shard = %s FOR UPDATE", (store.shard,))
        working = threads.submit(busy.execute, "SELECT pg_sleep(8)")
        started = monotonic()
        with pytest.raises(ShardBusyError) as caught:
            store.append(event("late", 1))
        waited = monotonic() - started
        assert caught.value.shard == store.shard
        assert waited < 6.0
        assert not working.done()
        busy.cancel()
        assert isinstance(working.exception(timeout=10), psycopg.errors.QueryCanceled)
    store.append(event("late", 1))
