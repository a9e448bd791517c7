"""A reader that follows the log never misses an event, whatever the writers do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep

import psycopg
import pytest

from eventlog.chain import chain_over
from eventlog.log import GENESIS_HASH, Appended, Decided, RecordedEvent
from eventlog.postgres.heads import ledger_head
from tests.appends import LEDGER, Batch, Store, event, log
from tests.parts import Database

ROOT = Path(__file__).parents[2]
WRITERS = 8
EVENTS_EACH = 6_300
PAGE = 1_000


@pytest.fixture
def store(postgres_database: Database) -> Iterator[Store]:
    with log(postgres_database.log) as opened:
        yield opened


def tail(store: Store, wanted: int) -> list[RecordedEvent]:
    """Follow the shard from its start, as a relay does, until so many events were seen."""
    seen: list[RecordedEvent] = []
    while len(seen) < wanted:
        page = store.reader.read_shard(store.shard, len(seen), PAGE)
        seen += page
        if not page:
            sleep(0.001)
    return seen


@pytest.mark.timeout(300)
def test_eight_writers_that_roll_back_leave_a_tailing_reader_nothing_to_miss(
    store: Store, postgres_database: Database
) -> None:
    writers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.integration.gap_writer",
                postgres_database.log,
                str(number),
                str(EVENTS_EACH),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    try:
        seen = tail(store, WRITERS * EVENTS_EACH)
        rollbacks = [int(writer.communicate(timeout=60)[0]) for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
    assert len(seen) >= 50_000
    assert min(rollbacks) > 50
    positions = list(range(1, len(seen) + 1))
    assert [each.shard_position for each in seen] == positions
    assert [each.ledger_position for each in seen] == positions
    assert store.reader.shard_position(store.shard) == len(seen)
    with store.pool.connection() as connection:
        rows = connection.execute("SELECT event_id FROM events").fetchall()
    assert {each.event_id for each in seen} == {event_id for (event_id,) in rows}
    for number in range(WRITERS):
        versions = [each.stream_version for each in seen if each.stream == f"writer-{number}"]
        assert versions == list(range(1, EVENTS_EACH + 1))
    head = ledger_head(store.pool, LEDGER)
    assert head is not None
    assert head.chain_hash == chain_over(GENESIS_HASH, seen)
    assert sorted(each.recorded_at for each in seen) == [each.recorded_at for each in seen]


def test_a_later_append_never_becomes_visible_before_an_earlier_one(store: Store) -> None:
    locked, released = Event(), Event()

    def wait(*_: object) -> Decided:
        locked.set()
        released.wait(30)
        return Decided(events=[event("first", 1)], keys=[])

    with ThreadPoolExecutor(2) as threads:
        first: Future[Appended] = threads.submit(
            store.appender.append, store.shard, Batch(choose=wait)
        )
        assert locked.wait(30)
        second = threads.submit(store.append, event("second", 1))
        sleep(0.2)
        assert not second.done()
        assert store.reader.read_shard(store.shard, 0, 10) == []
        released.set()
        assert first.result(30).first_shard_position == 1
        assert second.result(30).first_shard_position == 2
    assert [each.stream for each in store.all_events()] == ["first", "second"]


def test_numbers_from_a_sequence_would_show_the_hole(postgres_database: Database) -> None:
    """The control: the same two transactions on a serial column. A reader at 2 never sees 1."""
    with (
        psycopg.connect(postgres_database.admin, autocommit=True) as reader,
        psycopg.connect(postgres_database.admin) as first,
        psycopg.connect(postgres_database.admin) as second,
    ):
        reader.execute("CREATE TABLE serials (position bigserial)")
        first.execute("INSERT INTO serials DEFAULT VALUES")
        second.execute("INSERT INTO serials DEFAULT VALUES")
        second.commit()
        assert reader.execute("SELECT position FROM serials").fetchall() == [(2,)]
        first.commit()
        missed = reader.execute("SELECT position FROM serials WHERE position > 2").fetchall()
        assert missed == []
