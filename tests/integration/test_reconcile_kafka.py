"""Store against real Kafka: every kind of damage is named to the record, and repaired."""

from __future__ import annotations

import pytest

from eventlog.log import RecordedEvent
from replay.reconcile.report import KafkaReport, RecordDifference
from tests.kafka_reading import cursor_of, delete_topic, is_sound, positions, published
from tests.log_running import Place, relay_running, tally_running, wait_until
from tests.log_writing import LogWriter
from tests.parts import Database
from tests.reconcile_side import (
    compared,
    drop_records,
    limit_retention,
    publish,
    records_of,
    repaired,
    with_header,
)
from tests.tally import MAIN_SHARD, checkpoint, make_tally, tallied

EVENTS = 120


@pytest.fixture
def relayed(place: Place, log_writer: LogWriter, postgres_database: Database) -> LogWriter:
    """A log that a relay has published, and ended."""
    log_writer.write_many(EVENTS)
    with relay_running(place):
        wait_until(lambda: cursor_of(postgres_database) == EVENTS)
    return log_writer


def first(report: KafkaReport) -> RecordDifference:
    difference = report.first_difference
    assert difference is not None, "the damage was not found"
    return difference


def whole(place: Place) -> KafkaReport:
    report = compared(place)
    assert report.ok, first(report).sentence()
    return report


def bodies(events: list[RecordedEvent]) -> list[tuple[int, bytes]]:
    return [(event.shard_position, event.data) for event in events]


def test_what_the_relay_wrote_is_what_the_store_holds(place: Place, relayed: LogWriter) -> None:
    report = whole(place)
    assert sum(shard.records for shard in report.shards) == EVENTS
    assert report.shards[MAIN_SHARD].first_position == 1
    relayed.write("stock-A-1@WH")
    assert whole(place).shards[MAIN_SHARD].behind == 1


@pytest.mark.usefixtures("relayed")
def test_repeats_of_a_relay_are_lawful_and_counted(place: Place) -> None:
    publish(place, records_of(place)[60:])
    assert whole(place).shards[MAIN_SHARD].repeats == 60


def test_an_altered_record_in_the_middle_is_named_and_repaired(
    place: Place, log_writer: LogWriter
) -> None:
    log_writer.write_many(EVENTS)
    records = records_of(place)
    records[41] = (records[41][0].replace(b"12", b"21"), *records[41][1:])
    publish(place, records)
    found = first(compared(place))
    assert (found.kind, found.position, found.offset, found.part) == ("altered", 42, 41, "value")
    assert '"quantity":12' in found.expected
    assert '"quantity":21' in found.found

    (repair,) = repaired(place)
    assert (repair.first, repair.last, repair.deleted_below) == (1, EVENTS, EVENTS)
    assert whole(place).shards[MAIN_SHARD].begin == EVENTS
    assert positions(place) == list(range(1, EVENTS + 1))
    assert repaired(place) == [], "what is whole is left alone"


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("ce_chainhash", "0", "1"),
        ("ce_metadata", "k-1", "k-2"),
        ("ce_recordedat", "Z", "+00:00"),
        ("ce_epoch", "1", "2"),
        ("ce_subject", "@WH", "@HW"),
    ],
)
def test_an_altered_header_is_named(
    place: Place, log_writer: LogWriter, header: str, old: str, new: str
) -> None:
    log_writer.write_many(20)
    records = records_of(place)
    records[6] = with_header(records[6], header, lambda told: told.replace(old, new))
    publish(place, records)
    found = first(compared(place))
    assert (found.kind, found.position, found.part) == ("altered", 7, f"header {header}")


def test_a_hole_is_named_and_repaired(place: Place, log_writer: LogWriter) -> None:
    log_writer.write_many(EVENTS)
    records = records_of(place)
    publish(place, records[:30] + records[33:])
    found = first(compared(place))
    assert (found.kind, found.position) == ("missing", 31)
    assert "31 to 33" in found.expected
    repaired(place)
    assert positions(place) == list(range(1, EVENTS + 1))


def test_records_out_of_order_are_named_and_repaired(place: Place, log_writer: LogWriter) -> None:
    log_writer.write_many(20)
    records = records_of(place)
    records[4], records[5] = records[5], records[4]
    publish(place, records)
    found = first(compared(place))
    assert (found.kind, found.position, found.offset) == ("out_of_order", 5, 5)
    repaired(place)
    assert positions(place) == list(range(1, 21))


def test_foreign_records_are_named_and_repaired(place: Place, log_writer: LogWriter) -> None:
    log_writer.write_many(20)
    publish(place, records_of(place))
    publish(place, [(b"hello", "k", 1, [("who", "somebody else")])])
    found = first(compared(place))
    assert (found.kind, found.offset) == ("foreign", 20)
    repaired(place)
    assert len(bodies(published(place))) == 20
    whole(place)


@pytest.mark.usefixtures("relayed")
def test_a_lost_beginning_is_missing_unless_the_topic_drops_old_records(place: Place) -> None:
    drop_records(place, 50)
    found = first(compared(place))
    assert (found.kind, found.position) == ("missing", 1)
    repaired(place)
    assert positions(place) == list(range(1, EVENTS + 1))


def test_a_topic_with_retention_names_the_first_position_it_still_has(
    place: Place,
    relayed: LogWriter,
) -> None:
    limit_retention(place)
    drop_records(place, 50)
    (shard,) = [each for each in whole(place).shards if each.head]
    assert (shard.trimmed, shard.first_position) == (True, 51)


def test_a_lost_topic_and_a_lost_tail_are_refilled(
    place: Place, relayed: LogWriter, postgres_database: Database
) -> None:
    delete_topic(place)
    found = first(compared(place))
    assert (found.kind, found.position) == ("missing", 1)
    (repair,) = repaired(place)
    assert repair.deleted_below is None, "nothing was there to be deleted"
    whole(place)

    delete_topic(place)
    publish(place, records_of(place)[:100])
    (repair,) = repaired(place)
    assert (repair.first, repair.last, repair.deleted_below) == (101, EVENTS, None)
    assert positions(place) == list(range(1, EVENTS + 1))
    relayed.write("stock-A-1@WH")
    with relay_running(place):
        wait_until(lambda: cursor_of(postgres_database) == EVENTS + 1)
    assert positions(place) == list(range(1, EVENTS + 2))


def test_while_relay_and_consumer_run_a_repair_loses_and_doubles_nothing(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    make_tally(postgres_database)
    log_writer.write_many(EVENTS)
    records = records_of(place)
    publish(place, records[:30] + records[33:])
    with relay_running(place), tally_running(place):
        wait_until(lambda: checkpoint(postgres_database) == EVENTS)
        log_writer.write_many(50)
        assert [each.shard for each in repaired(place)] == [MAIN_SHARD]
        log_writer.write_many(50)
        wait_until(lambda: checkpoint(postgres_database) == EVENTS + 100)
        wait_until(lambda: cursor_of(postgres_database) == EVENTS + 100)
    assert tallied(postgres_database) == list(range(1, EVENTS + 101))
    assert is_sound(positions(place))
    assert whole(place).shards[MAIN_SHARD].reached == EVENTS + 100
    with tally_running(place, "tally-2"):
        wait_until(lambda: checkpoint(postgres_database) == EVENTS + 100)
