"""The consumer loop on a real log: each event once, in order, whatever its source brings."""

import random
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from eventlog import consumer
from eventlog.consumer import Bounds
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.records import encode
from eventlog.kafka.topics import ensure_topic, events_topic
from eventlog.leases import LeaseTakenError
from eventlog.postgres.reader import PostgresReader
from eventlog.projection import (
    Batch,
    EpochMismatchError,
    StaleCheckpointError,
    StoreUnavailableError,
)
from tests.kafka_reading import is_sound, positions
from tests.log_running import (
    Place,
    Running,
    relay_running,
    tally_running,
    wait_until,
)
from tests.log_writing import SHARDS, LogWriter
from tests.parts import Database
from tests.sources import DeafSource, StoreSource
from tests.tally import EPOCH, MAIN_SHARD, Tally, checkpoint, make_tally, tallied


@pytest.fixture(autouse=True)
def _tally_is_there(postgres_database: Database) -> None:
    make_tally(postgres_database)


@pytest.fixture
def source(log_writer: LogWriter) -> StoreSource:
    return StoreSource(PostgresReader(log_writer.pool))


def test_events_flow_from_the_append_through_kafka_into_the_projection(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(1_000)
    with relay_running(place), tally_running(place) as tally:
        wait_until(lambda: len(tallied(postgres_database)) == 1_000)
        for _ in range(20):
            log_writer.write("stock-A-1@WH", "stock-A-2@WH")
        wait_until(lambda: len(tallied(postgres_database)) == 1_040)
        wait_until(lambda: tally.progress and tally.progress.behind_events == 0)
    assert tallied(postgres_database) == list(range(1, 1_041))
    assert checkpoint(postgres_database) == 1_040
    with psycopg.connect(postgres_database.admin) as admin:
        marks = admin.execute("SELECT ledger, tenant, position FROM projection_ledgers").fetchall()
    assert marks == [("acme/main", "acme", 1_040)]


def test_records_that_kafka_has_several_times_are_applied_once(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(60)
    stored = PostgresReader(log_writer.pool).read_shard(MAIN_SHARD, 0, 60)
    topic = events_topic(place.prefix, SHARDS)
    ensure_topic(place.bootstrap, topic, sleep=time.sleep)
    publisher = Publisher(place.bootstrap, name="repeats")
    for first, last in ((0, 30), (0, 30), (20, 50), (10, 60)):
        publisher.send(topic.name, MAIN_SHARD, encode(stored[first:last], EPOCH))
    publisher.confirm()
    for _ in range(2):
        with tally_running(place, bounds=Bounds(events_max=25)):
            wait_until(lambda: checkpoint(postgres_database) >= 60)
        log_writer.write("stock-A-1@WH")
    assert is_sound(positions(place))
    assert tallied(postgres_database) == list(range(1, 61))


def test_a_consumer_goes_on_where_its_read_model_stands(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    with relay_running(place):
        for times in (1, 2, 3):
            log_writer.write_many(100)
            with tally_running(place):
                wait_until(lambda: len(tallied(postgres_database)) == 100 * times)  # noqa: B023
    assert tallied(postgres_database) == list(range(1, 301))


def test_without_relay_and_kafka_the_store_is_read(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(300)
    with tally_running(place, bounds=Bounds(events_max=50)):
        wait_until(lambda: len(tallied(postgres_database)) == 300)
        log_writer.write("stock-A-1@WH")
        wait_until(lambda: len(tallied(postgres_database)) == 301)
    assert tallied(postgres_database) == list(range(1, 302))


def test_a_source_that_falls_silent_is_made_up_for(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer, "SILENCE_SECONDS_MAX", 0.1)
    log_writer.write_many(30)
    with tally_running(place, source=DeafSource(PostgresReader(log_writer.pool))):
        wait_until(lambda: len(tallied(postgres_database)) == 30)
    assert tallied(postgres_database) == list(range(1, 31))


@pytest.mark.parametrize("seed", range(6))
def test_duplicates_gaps_and_disorder_never_reach_the_projection(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    monkeypatch.setattr(consumer, "SILENCE_SECONDS_MAX", 0.1)
    log_writer.write_many(700, batch=33)
    log_writer.write_many(300, batch=7, ledger="globex/main")
    mangled = StoreSource(PostgresReader(log_writer.pool), random.Random(seed))
    with tally_running(place, source=mangled, bounds=Bounds(events_max=64, wait_seconds=0.01)):
        wait_until(lambda: len(tallied(postgres_database)) >= 700)
        wait_until(lambda: len(tallied(postgres_database, "globex/main")) >= 300)
    assert tallied(postgres_database) == list(range(1, 701))
    assert tallied(postgres_database, "globex/main") == list(range(1, 301))


def test_batches_keep_their_bounds(
    place: Place, log_writer: LogWriter, source: StoreSource
) -> None:
    log_writer.write_many(95)
    with log_writer.pool.connection():
        tally = Tally(log_writer.pool)
    with tally_with(place, log_writer, tally, source, Bounds(events_max=30, wait_seconds=0.2)):
        wait_until(lambda: sum(len(batch.events) for batch in tally.batches) == 95)
    sizes = [batch.last - batch.after for batch in tally.batches]
    assert max(sizes) == 30
    assert len(sizes) == 4, "three full ones at once, the rest after its wait"


def tally_with(
    place: Place,
    log_writer: LogWriter,
    tally: Tally,
    source: StoreSource,
    bounds: Bounds | None = None,
) -> Running:
    around = place.surroundings(log_writer.pool, source=source)

    def run(**arguments: Any) -> None:
        consumer.run_projection(tally, around, bounds=bounds, **arguments)

    return Running(run)


def test_events_of_other_types_move_the_checkpoint_only(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write("stock-A-1@WH")
    log_writer.write("item-A-1", type_name="item.discontinued.v1")
    with tally_running(place, source=source):
        wait_until(lambda: checkpoint(postgres_database) == 2)
    assert tallied(postgres_database) == [1]


class Unreliable(Tally):
    """Fails as often as told: before anything is written, or when the commit's answer is lost."""

    def __init__(self, log_writer: LogWriter, *, before: int, after: int) -> None:
        super().__init__(log_writer.pool)
        self.before = before
        self.after = after

    def apply(self, batch: Batch) -> None:
        if self.before:
            self.before -= 1
            raise StoreUnavailableError("Test", ConnectionError("gone"))
        super().apply(batch)
        if self.after:
            self.after -= 1
            raise StoreUnavailableError("Test", ConnectionError("answer lost"))


@pytest.mark.parametrize("failures", [(2, 0), (0, 2), (1, 1)])
def test_an_outage_is_waited_out_and_loses_or_doubles_nothing(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    source: StoreSource,
    failures: tuple[int, int],
) -> None:
    log_writer.write_many(50)
    before, after = failures
    tally = Unreliable(log_writer, before=before, after=after)
    with tally_with(place, log_writer, tally, source, Bounds(events_max=10)) as running:
        wait_until(lambda: checkpoint(postgres_database) == 50)
        wait_until(lambda: running.progress and running.progress.health == "running")
    assert tallied(postgres_database) == list(range(1, 51))
    waits = [progress for progress in running.seen if progress.health == "waiting"]
    assert len(waits) == before + after
    assert "Test does not answer" in waits[0].reason
    assert waits[0].shards, "what stands still is still told"


def test_a_read_model_that_lost_its_data_is_filled_again_without_a_new_event(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    source: StoreSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer, "IDLE_CHECK_SECONDS", 0.2)
    log_writer.write_many(20)
    with tally_running(place, source=source):
        wait_until(lambda: checkpoint(postgres_database) == 20)
        with psycopg.connect(postgres_database.admin) as admin:
            admin.execute("TRUNCATE tally")
            admin.execute("UPDATE projection_checkpoints SET position = 0")
        wait_until(lambda: checkpoint(postgres_database) == 20)
    assert tallied(postgres_database) == list(range(1, 21))


def test_a_checkpoint_moved_by_another_ends_the_process(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write_many(5)
    with tally_running(place, source=source) as running:
        wait_until(lambda: checkpoint(postgres_database) == 5)
        with psycopg.connect(postgres_database.admin) as admin:
            admin.execute(
                "UPDATE projection_checkpoints SET position = 6 WHERE shard = %s", (MAIN_SHARD,)
            )
        log_writer.write_many(5)
        wait_until(lambda: running.error)
        assert isinstance(running.taken_error(), StaleCheckpointError)
    assert tallied(postgres_database) == [1, 2, 3, 4, 5]


def test_a_read_model_of_another_epoch_is_refused(
    place: Place, postgres_database: Database, source: StoreSource
) -> None:
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("UPDATE projection_checkpoints SET epoch = 2")
    with (
        pytest.raises(EpochMismatchError, match="epoch 2"),
        tally_running(place, source=source) as running,
    ):
        wait_until(lambda: running.error)


def test_a_second_process_of_the_same_name_takes_over_and_the_first_ends(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write_many(10)
    other = StoreSource(PostgresReader(log_writer.pool))
    with tally_running(place, source=source) as first:
        wait_until(lambda: checkpoint(postgres_database) == 10)
        with tally_running(place, source=other):
            wait_until(lambda: first.error)
            assert isinstance(first.taken_error(), LeaseTakenError)
            log_writer.write_many(10)
            wait_until(lambda: checkpoint(postgres_database) == 20)
    assert tallied(postgres_database) == list(range(1, 21))


def test_processes_share_the_shards_while_events_flow(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    ledgers = [f"acme/ledger-{number}" for number in range(6)]
    other = StoreSource(PostgresReader(log_writer.pool))
    with tally_running(place, "tally-1", source=source) as first:
        for ledger in ledgers:
            log_writer.write_many(50, ledger=ledger)
        with tally_running(place, "tally-2", source=other) as second:
            wait_until(lambda: second.progress and len(second.progress.shards) == SHARDS // 2)
            for ledger in ledgers:
                log_writer.write_many(50, ledger=ledger)
            wait_until(
                lambda: all(len(tallied(postgres_database, each)) == 100 for each in ledgers)
            )
        wait_until(lambda: first.progress and len(first.progress.shards) == SHARDS)
    for ledger in ledgers:
        assert tallied(postgres_database, ledger) == list(range(1, 101))


def test_a_clean_stop_leaves_no_lease_behind(
    place: Place, postgres_database: Database, source: StoreSource
) -> None:
    with tally_running(place, source=source) as running:
        wait_until(lambda: running.progress and len(running.progress.shards) == SHARDS)
    with psycopg.connect(postgres_database.admin) as admin:
        held = "SELECT count(*) FROM projection_checkpoints WHERE lease_owner IS NOT NULL"
        assert admin.execute(held).fetchall() == [(0,)]
        assert admin.execute("SELECT count(*) FROM consumer_members").fetchall() == [(0,)]
    assert running.progress is not None
    assert running.progress.health == "stopped"


def test_lag_is_told_in_events_and_seconds(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write_many(10)
    stuck = Unreliable(log_writer, before=1_000_000, after=0)
    with tally_with(place, log_writer, stuck, source) as running:
        wait_until(lambda: (p := running.progress) and p.behind_events == 10)
        wait_until(lambda: (p := running.progress) and p.behind_seconds > 0.5)
        stuck.before = 0
        wait_until(lambda: (p := running.progress) and p.behind_events == 0)
        assert running.progress is not None
        assert running.progress.behind_seconds == 0.0
        shard = next(each for each in running.progress.shards if each.shard == MAIN_SHARD)
        assert (shard.position, shard.head) == (10, 10)
        assert shard.recorded_at is not None
        assert shard.recorded_at < datetime.now(UTC)
