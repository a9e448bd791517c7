"""Kafka loses, refuses or stops answering: relay and consumers make up for it by themselves."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from eventlog import consumer
from eventlog.kafka import publisher
from eventlog.kafka.topics import RECORD_BYTES_MAX, TopicMismatchError
from ops.stack.child import Child, Launch
from ops.stack.directory import DataDirectory
from ops.stack.kafka import KafkaPart
from ops.stack.parts import await_ready
from tests.kafka_reading import cursor_of, delete_topic, is_sound, last_published, positions
from tests.log_running import Place, relay_running, tally_running, wait_until
from tests.log_writing import LogWriter
from tests.parts import Database
from tests.tally import checkpoint, make_tally, tallied


@pytest.fixture(autouse=True)
def _tally_is_there(postgres_database: Database) -> None:
    make_tally(postgres_database)


def test_a_topic_deleted_under_relay_and_consumer_is_filled_again(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "CONFIRM_SECONDS_MAX", 1.0)
    log_writer.write_many(200)
    with relay_running(place), tally_running(place):
        wait_until(lambda: checkpoint(postgres_database) == 200)
        delete_topic(place)
        log_writer.write_many(50)
        wait_until(lambda: checkpoint(postgres_database) == 250)
        wait_until(lambda: last_published(place) == 250)
        log_writer.write_many(50)
        wait_until(lambda: checkpoint(postgres_database) == 300)
    assert tallied(postgres_database) == list(range(1, 301))
    assert positions(place) == list(range(1, 301))


def test_a_consumer_ahead_of_a_topic_made_anew_waits_at_its_end(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store is out of the game here: everything new must come from Kafka."""
    log_writer.write_many(100)
    with relay_running(place), tally_running(place):
        wait_until(lambda: checkpoint(postgres_database) == 100)
    delete_topic(place)
    monkeypatch.setattr(consumer, "SILENCE_SECONDS_MAX", 3600.0)
    with tally_running(place), relay_running(place):
        wait_until(lambda: last_published(place) == 100)
        log_writer.write_many(20)
        wait_until(lambda: checkpoint(postgres_database) == 120)
    assert tallied(postgres_database) == list(range(1, 121))


def test_a_record_kafka_refuses_holds_the_cursor_and_leaves_no_hole(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(10)
    with relay_running(place) as relay:
        wait_until(lambda: cursor_of(postgres_database) == 10)
        set_record_bytes_max(place, 4_000)
        log_writer.write("stock-A-1@WH")
        wait_until(lambda: cursor_of(postgres_database) == 11)
        log_writer.write("stock-A-1@WH", data=os.urandom(8_000).hex().encode())
        log_writer.write_many(10)
        wait_until(lambda: relay.error)
        assert isinstance(relay.taken_error(), TopicMismatchError), "which names the setting"
    assert cursor_of(postgres_database) == 11
    set_record_bytes_max(place, RECORD_BYTES_MAX)
    with relay_running(place), tally_running(place):
        wait_until(lambda: checkpoint(postgres_database) == 22)
    assert is_sound(positions(place))
    assert tallied(postgres_database) == list(range(1, 23))


def set_record_bytes_max(place: Place, value: int) -> None:
    admin = AdminClient({"bootstrap.servers": place.bootstrap})
    change = ConfigEntry(
        "max.message.bytes", str(value), incremental_operation=AlterConfigOpType.SET
    )
    topic = ConfigResource(ResourceType.TOPIC, place.topic, incremental_configs=[change])
    admin.incremental_alter_configs([topic])[topic].result(10)
    time.sleep(0.5)  # the broker takes it up a little later


@dataclass(slots=True)
class Broker:
    """A Kafka of this test's own, to be killed and started again at the same address."""

    launch: Launch
    log: Path
    child: Child

    def kill(self) -> None:
        os.kill(self.child.pid, signal.SIGKILL)
        wait_until(lambda: self.child.exit_code() is not None)

    def start(self) -> None:
        self.child = Child(self.launch, self.log)
        await_ready(KafkaPart(), self.launch, self.child, self.log, lambda: False)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    directory = DataDirectory(root=tmp_path / "broker")
    with directory.held():
        launch = KafkaPart().prepare(directory)
        log = directory.log("kafka")
        broker = Broker(launch, log, Child(launch, log))
        try:
            await_ready(KafkaPart(), launch, broker.child, log, lambda: False)
            yield broker
        finally:
            os.kill(broker.child.pid, signal.SIGCONT)
            broker.child.stop()


def test_a_broker_that_dies_or_hangs_while_events_flow_costs_nothing_but_time(
    place: Place,
    log_writer: LogWriter,
    postgres_database: Database,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "CONFIRM_SECONDS_MAX", 1.0)
    place = replace(place, bootstrap=broker.launch.address)
    with relay_running(place) as relay, tally_running(place):
        log_writer.write_many(2_000, batch=100)
        broker.kill()
        log_writer.write_many(1_000, batch=100)
        wait_until(lambda: relay.progress and relay.progress.health == "waiting")
        assert relay.progress is not None
        assert "Kafka" in relay.progress.reason
        wait_until(lambda: checkpoint(postgres_database) == 3_000)  # meanwhile from the store
        broker.start()
        wait_until(lambda: cursor_of(postgres_database) == 3_000)
        os.kill(broker.child.pid, signal.SIGSTOP)
        log_writer.write_many(1_000, batch=100)
        time.sleep(2.5)
        os.kill(broker.child.pid, signal.SIGCONT)
        log_writer.write_many(1_000, batch=100)
        wait_until(lambda: cursor_of(postgres_database) == 5_000)
        wait_until(lambda: checkpoint(postgres_database) == 5_000)
    found = positions(place)
    assert sorted(set(found)) == list(range(1, 5_001)), "nothing is missing"
    assert is_sound(found)
    assert tallied(postgres_database) == list(range(1, 5_001))
