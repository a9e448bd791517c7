"""A repair of Kafka dies at its worst moments: consumers lack nothing, and the next one ends it."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from eventlog.crash_points import CRASH_EXIT_CODE, CRASH_VARIABLE, STOP_VARIABLE
from replay.reconcile.custody import ShardBusyError
from tests.kafka_reading import cursor_of, is_sound, positions
from tests.log_running import Place, relay_running, tally_running, wait_until
from tests.log_writing import LogWriter
from tests.parts import Database
from tests.reconcile_side import compared, publish, records_of, repair_process, repaired
from tests.tally import MAIN_SHARD, checkpoint, make_tally, tallied

EVENTS = 2_500  # more than a page


@pytest.fixture
def holed(place: Place, log_writer: LogWriter, postgres_database: Database) -> LogWriter:
    """A topic that lacks three records in the middle."""
    make_tally(postgres_database)
    log_writer.write_many(EVENTS)
    records = records_of(place)
    publish(place, records[:30] + records[33:])
    return log_writer


def expire_lease(database: Database) -> None:
    """As if the killed repair's lease had run out."""
    with psycopg.connect(database.admin) as admin:
        admin.execute("UPDATE relay_cursors SET lease_until = clock_timestamp()")


@pytest.mark.parametrize(
    "point",
    [
        "reconcile.after_page",
        "reconcile.after_publish",
        "reconcile.before_delete",
        "reconcile.before_hand_back",
    ],
)
def test_killed_anywhere_the_relay_goes_on_and_the_next_repair_ends_it(
    place: Place, holed: LogWriter, postgres_database: Database, point: str
) -> None:
    with tally_running(place):
        with repair_process(place, {CRASH_VARIABLE: point}) as repair:
            assert repair.wait(60) == CRASH_EXIT_CODE
        expire_lease(postgres_database)
        holed.write_many(50)
        with relay_running(place):
            wait_until(lambda: cursor_of(postgres_database) == EVENTS + 50)
            wait_until(lambda: checkpoint(postgres_database) == EVENTS + 50)
    repaired(place)
    report = compared(place)
    assert report.ok, report.first_difference
    assert report.shards[MAIN_SHARD].reached == EVENTS + 50
    assert is_sound(positions(place))
    assert tallied(postgres_database) == list(range(1, EVENTS + 51))


def test_two_repairs_of_a_shard_at_once_are_refused(
    place: Place, holed: LogWriter, postgres_database: Database
) -> None:
    del holed, postgres_database
    with repair_process(place, {STOP_VARIABLE: "reconcile.after_page"}) as stopped:
        wait_until(lambda: is_stopped(stopped.pid))
        with pytest.raises(ShardBusyError, match=f"shard {MAIN_SHARD} is being repaired"):
            repaired(place)


def test_a_repair_that_was_held_up_until_a_relay_took_the_shard_deletes_nothing(
    place: Place,
    holed: LogWriter,
    postgres_database: Database,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with repair_process(place, {STOP_VARIABLE: "reconcile.after_page"}) as stopped:
        wait_until(lambda: is_stopped(stopped.pid))
        expire_lease(postgres_database)
        with relay_running(place):
            holed.write_many(50)
            wait_until(lambda: cursor_of(postgres_database) == EVENTS + 50)
            stopped.send_signal(signal.SIGCONT)
            assert stopped.wait(60) != 0
    assert "took the shard back" in capfd.readouterr().err
    assert compared(place).shards[MAIN_SHARD].begin == 0
    repaired(place)
    assert compared(place).ok


def is_stopped(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"
