"""The relay dies, stops or is refused at its worst moments: Kafka may repeat, and lacks nothing."""

import signal
import time

import psycopg
import pytest

from eventlog.crash_points import CRASH_EXIT_CODE, CRASH_VARIABLE, STOP_VARIABLE
from tests.kafka_reading import cursor_of, is_sound, positions
from tests.log_running import Place, process, relay_running, tally_running, wait_until
from tests.log_writing import LogWriter
from tests.parts import Database
from tests.tally import MAIN_SHARD, checkpoint, make_tally, tallied


@pytest.fixture(autouse=True)
def _tally_is_there(postgres_database: Database) -> None:
    make_tally(postgres_database)


def relay_owner(database: Database) -> str | None:
    with psycopg.connect(database.admin) as admin:
        found = admin.execute("SELECT owner FROM relay_cursors WHERE shard = %s", (MAIN_SHARD,))
        owner: str | None = found.fetchall()[0][0]
        return owner


def test_killed_between_publishing_and_its_cursor_it_goes_on_where_kafka_says(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    with tally_running(place):
        for round_number in range(1, 4):
            log_writer.write_many(100)
            armed = {CRASH_VARIABLE: "relay.after_publish"}
            with process(place, "relay", "relay-1", armed) as relay:
                assert relay.wait(30) == CRASH_EXIT_CODE
            wait_until(lambda: checkpoint(postgres_database) == 100 * round_number)  # noqa: B023
        assert cursor_of(postgres_database) == 200, "the last crash came before its cursor moved"
        with relay_running(place):
            log_writer.write("stock-A-1@WH")
            wait_until(lambda: checkpoint(postgres_database) == 301)
    assert tallied(postgres_database) == list(range(1, 302))
    assert is_sound(positions(place))


def test_a_stopped_relay_that_wakes_after_its_lease_is_refused_and_steps_down(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(50)
    armed = {STOP_VARIABLE: "relay.after_publish"}
    with process(place, "relay", "relay-1", armed) as zombie:
        wait_until(lambda: is_stopped(zombie.pid))
        with relay_running(place, "relay-2") as successor, tally_running(place):
            wait_until(lambda: cursor_of(postgres_database) == 50)
            log_writer.write_many(50)
            wait_until(lambda: cursor_of(postgres_database) == 100)
            zombie.send_signal(signal.SIGCONT)
            time.sleep(place.lease_seconds)
            assert zombie.poll() is None, "it lives on, and takes its fair share of what is free"
            log_writer.write_many(50)
            wait_until(lambda: checkpoint(postgres_database) == 150)
            zombie.send_signal(signal.SIGTERM)
            assert zombie.wait(30) == 0
            assert "cursor is another's" in (zombie.stdout or "").read()  # type: ignore[union-attr]
            assert successor.error is None
    assert tallied(postgres_database) == list(range(1, 151))
    assert is_sound(positions(place))


def is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        return stat.read().rpartition(")")[2].split()[0] == "T"


def test_two_relays_of_one_name_do_not_both_go_on(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(20)
    with process(place, "relay", "relay-1") as first:
        wait_until(lambda: cursor_of(postgres_database) == 20)
        with process(place, "relay", "relay-1"):
            assert first.wait(30) == 1
            assert "give each running process a name of its own" in (first.stdout or "").read()  # type: ignore[union-attr]
            log_writer.write_many(20)
            wait_until(lambda: cursor_of(postgres_database) == 40)
    assert positions(place) == list(range(1, 41))


def test_a_killed_relay_started_again_under_its_name_does_not_wait_for_its_lease(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(20)
    with process(place, "relay", "relay-1") as relay:
        wait_until(lambda: cursor_of(postgres_database) == 20)
        relay.kill()
        relay.wait(10)
    owner = relay_owner(postgres_database)
    assert owner is not None
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("UPDATE relay_cursors SET lease_until = now() + interval '1 hour'")
    with relay_running(place, "relay-1"):
        log_writer.write_many(20)
        wait_until(lambda: cursor_of(postgres_database) == 40)
    assert positions(place) == list(range(1, 41))
