"""Poison: its stream is parked, durably and first; all others flow, and a retry heals."""

import psycopg
import pytest

from eventlog import applying
from eventlog.applying import TooManyParkedError
from eventlog.parked import ParkedStreams
from eventlog.postgres.reader import PostgresReader
from tests.log_running import Place, tally_running, wait_until
from tests.log_writing import LogWriter
from tests.parts import Database
from tests.sources import StoreSource
from tests.tally import INDIGESTIBLE, POISON, Tally, checkpoint, make_tally, tallied


@pytest.fixture(autouse=True)
def _tally_is_there(postgres_database: Database) -> None:
    make_tally(postgres_database)


@pytest.fixture
def source(log_writer: LogWriter) -> StoreSource:
    return StoreSource(PostgresReader(log_writer.pool))


def parked_streams(log_writer: LogWriter) -> ParkedStreams:
    return ParkedStreams(log_writer.pool, Tally.name, Tally.version)


def test_a_poison_event_parks_its_stream_and_the_others_flow(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write("stock-A-1@WH", "stock-A-2@WH")
    log_writer.write("stock-A-1@WH", data=POISON)
    log_writer.write("stock-A-1@WH", "stock-A-2@WH", "item-A-1")
    with tally_running(place, source=source) as running:
        wait_until(lambda: checkpoint(postgres_database) == 6)
        log_writer.write("stock-A-1@WH", "stock-A-2@WH")
        wait_until(lambda: checkpoint(postgres_database) == 8)
        wait_until(lambda: running.progress and running.progress.parked == 1)
    assert tallied(postgres_database) == [1, 2, 5, 6, 8]
    parked = parked_streams(log_writer).streams()
    stream = parked["acme/main", "stock-A-1@WH"]
    assert (len(parked), stream.position, stream.tenant) == (1, 3, "acme")
    assert "it is poison" in stream.error
    letters = parked_streams(log_writer).dead_letters("acme/main", "stock-A-1@WH")
    assert [letter.ledger_position for letter in letters] == [3, 4, 7]


def test_a_retry_goes_on_where_the_stream_stopped(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write("stock-A-1@WH", data=POISON)
    log_writer.write("stock-A-1@WH", "stock-A-2@WH", "stock-A-1@WH")
    with tally_running(place, source=source):
        wait_until(lambda: checkpoint(postgres_database) == 4)
    parked = parked_streams(log_writer)
    assert not parked.request_retry("acme/main", "stock-A-2@WH"), "that one is not parked"
    assert parked.request_retry("acme/main", "stock-A-1@WH")
    with tally_running(place, healed=True, source=source):
        wait_until(lambda: not parked.streams())
        log_writer.write("stock-A-1@WH")
        wait_until(lambda: checkpoint(postgres_database) == 5)
    assert tallied(postgres_database) == [3, 1, 2, 4, 5]
    assert not parked.dead_letters("acme/main", "stock-A-1@WH")


def test_a_retry_that_fails_again_keeps_what_it_has_done_and_says_where(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write("stock-A-1@WH", "stock-A-1@WH", "stock-A-2@WH")
    log_writer.write("stock-A-1@WH", data=POISON)
    log_writer.write("stock-A-1@WH")
    parked = parked_streams(log_writer)
    first = PostgresReader(log_writer.pool).read_ledger("acme/main", 0, 1)[0]
    parked.park(first, "repaired meanwhile", [])
    parked.request_retry("acme/main", "stock-A-1@WH")
    with tally_running(place, source=source):
        wait_until(lambda: checkpoint(postgres_database) == 5)
        parked.request_retry("acme/main", "stock-A-1@WH")
        wait_until(lambda: "still" in parked.streams()["acme/main", "stock-A-1@WH"].error)
    stream = parked.streams()["acme/main", "stock-A-1@WH"]
    assert (stream.position, stream.retry_requested_at) == (4, None)
    assert sorted(tallied(postgres_database)) == [1, 2, 3]
    letters = parked.dead_letters("acme/main", "stock-A-1@WH")
    assert [letter.ledger_position for letter in letters] == [4, 5]


def test_a_refused_batch_is_halved_until_the_culprit_is_alone(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write_many(20, batch=20)
    log_writer.write("stock-A-3@WH", data=INDIGESTIBLE)
    log_writer.write_many(20, batch=20)
    with tally_running(place, source=source):
        wait_until(lambda: checkpoint(postgres_database) == 41)
    kept_back = {21, 21 + 4, 21 + 14}
    assert tallied(postgres_database) == [each for each in range(1, 42) if each not in kept_back]
    assert list(parked_streams(log_writer).streams()) == [("acme/main", "stock-A-3@WH")]


def test_a_type_this_code_does_not_know_parks_its_stream(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write("stock-A-1@WH", type_name="stock.received.v2")
    log_writer.write("stock-A-1@WH", "stock-A-2@WH")
    with tally_running(place, source=source):
        wait_until(lambda: checkpoint(postgres_database) == 3)
    assert tallied(postgres_database) == [3]
    parked = parked_streams(log_writer)
    assert "'stock.received.v2'" in parked.streams()["acme/main", "stock-A-1@WH"].error


def test_too_many_parked_streams_stop_the_projection_until_they_are_retried(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    source: StoreSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(applying, "PARKED_STREAMS_MAX", 3)
    for number in range(5):
        log_writer.write(f"stock-A-{number}@WH", data=POISON)
    for _ in range(2):
        with pytest.raises(TooManyParkedError, match="4 parked"):  # noqa: SIM117
            with tally_running(place, source=source) as running:
                wait_until(lambda: running.error)
    parked = parked_streams(log_writer)
    assert checkpoint(postgres_database) == 0
    for ledger, stream in parked.streams():
        parked.request_retry(ledger, stream)
    with tally_running(place, healed=True, source=source):
        wait_until(lambda: checkpoint(postgres_database) == 5 and not parked.streams())
    assert sorted(tallied(postgres_database)) == [1, 2, 3, 4, 5]


def test_a_stream_that_cannot_be_parked_durably_is_not_passed(
    place: Place, log_writer: LogWriter, postgres_database: Database, source: StoreSource
) -> None:
    log_writer.write("stock-A-1@WH", data=POISON)
    log_writer.write("stock-A-2@WH")
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("REVOKE INSERT ON dead_letters FROM backstock_log")
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        tally_running(place, source=source) as running,
    ):
        wait_until(lambda: running.error)
    assert checkpoint(postgres_database) == 0
    assert not parked_streams(log_writer).streams()
