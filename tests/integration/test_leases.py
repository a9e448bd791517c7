"""Leases: every shard has one holder, all live processes a fair share, the dead none for long."""

import time
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from eventlog.kafka.cursors import Cursor, RelayCursors
from eventlog.leases import LeaseTakenError, ShardLeases, relay_leases
from eventlog.postgres.connections import Pool, open_log_pool
from tests.log_running import wait_until
from tests.log_writing import SHARDS
from tests.parts import Database

ALL = frozenset(range(SHARDS))
LEASE_SECONDS = 1.0
incarnations = count(1)


@pytest.fixture
def pool(postgres_database: Database) -> Iterator[Pool]:
    with open_log_pool(postgres_database.log, size=4, name="leases") as pool:
        RelayCursors(pool, owner="").ensure(1)
        yield pool


def leases(pool: Pool, name: str) -> ShardLeases:
    incarnation = str(next(incarnations))
    return ShardLeases(
        pool, relay_leases(), name=name, incarnation=incarnation, seconds=LEASE_SECONDS
    )


def test_the_first_takes_all_and_each_newcomer_gets_its_share(pool: Pool) -> None:
    one, two, three = (leases(pool, name) for name in ("one", "two", "three"))
    assert one.tend() == ALL
    assert two.tend() == frozenset(), "nothing is free until the first hands over"
    assert len(one.tend()) == 8
    assert len(two.tend()) == 8
    three.tend()
    shares = [len(each.tend()) for each in (one, two, three)]
    assert shares == [6, 6, 4]
    assert one.held | two.held | three.held == ALL


def test_what_a_dead_process_held_is_free_after_its_lease(pool: Pool) -> None:
    dead, heir = leases(pool, "dead"), leases(pool, "heir")
    dead.tend()
    assert heir.tend() == frozenset()
    wait_until(lambda: heir.tend() == ALL, 5 * LEASE_SECONDS)
    assert dead.tend() == frozenset(), "it lost them, and sees it"
    assert not dead.due


def test_a_release_frees_at_once(pool: Pool) -> None:
    one, two = leases(pool, "one"), leases(pool, "two")
    one.tend()
    one.release()
    assert one.held == frozenset()
    assert two.tend() == ALL


def test_a_process_started_again_takes_over_at_once_and_the_older_one_ends(pool: Pool) -> None:
    old = leases(pool, "same")
    old.tend()
    new = leases(pool, "same")
    assert new.tend() == ALL
    with pytest.raises(LeaseTakenError) as taken:
        old.tend()
    assert (taken.value.name, taken.value.shards) == ("same", ALL)
    assert new.tend() == ALL


def test_it_is_time_to_tend_three_times_in_a_lease_and_when_in_doubt(pool: Pool) -> None:
    now = 100.0
    one = ShardLeases(
        pool, relay_leases(), name="one", incarnation="1", seconds=9.0, clock=lambda: now
    )

    def is_due_at(instant: float) -> bool:
        nonlocal now
        now = instant
        return one.due

    assert is_due_at(100.0)
    one.tend()
    assert [is_due_at(100.0), is_due_at(102.9), is_due_at(103.1)] == [False, False, True]
    one.tend()
    one.doubt()
    assert is_due_at(103.1)


def test_a_row_locked_by_a_stopped_process_is_freed_for_its_heir(
    pool: Pool, postgres_database: Database
) -> None:
    """Stopped inside a transaction, a process would keep the row locked for ever."""
    stopped, heir = leases(pool, "stopped"), leases(pool, "heir")
    stopped.tend()
    with psycopg.connect(postgres_database.log) as zombie:
        zombie.execute("SELECT FROM relay_cursors WHERE shard = 3 FOR UPDATE")
        wait_until(lambda: len(heir.tend()) == SHARDS - 1)
        started = time.monotonic()
        wait_until(lambda: heir.tend() == ALL)
        assert time.monotonic() - started < 5.0
        with pytest.raises(psycopg.OperationalError):
            zombie.execute("SELECT 1")


def test_only_the_lease_holder_moves_a_cursor_and_only_from_where_it_is(pool: Pool) -> None:
    holder = leases(pool, "holder")
    holder.tend()
    begin, end, other = (
        Cursor(epoch=1, position=0),
        Cursor(epoch=1, position=9),
        Cursor(epoch=2, position=0),
    )
    assert RelayCursors(pool, owner="holder#0").move({3: (begin, end)}) == frozenset()
    cursors = RelayCursors(pool, owner=holder.owner)
    assert cursors.move({3: (end, begin), 4: (other, end), 5: (begin, end)}) == {5}
    assert cursors.read()[5] == end
    assert cursors.read()[4] == begin
