"""The Kafka source: starts at the offset of a position, and delivers only what the relay wrote."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from eventlog.kafka.publisher import Publisher
from eventlog.kafka.records import encode
from eventlog.kafka.source import KafkaSource
from eventlog.kafka.topics import ensure_topic, events_topic
from eventlog.log import ArrivedEvent
from tests.log_running import wait_until
from tests.log_writing import EVENT

SHARD = 5
EPOCH = 1


class Topic:
    """A topic with events 1 … 10 in partition 5."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.topic = events_topic(prefix, 8)
        self.make()

    def make(self) -> None:
        ensure_topic(self.bootstrap, self.topic, sleep=time.sleep)
        self.publish(range(1, 11))

    def publish(self, positions: range, epoch: int = EPOCH) -> None:
        publisher = Publisher(self.bootstrap, name="test")
        events = [replace(EVENT, shard_position=position) for position in positions]
        publisher.send(self.topic.name, SHARD, encode(events, epoch))
        publisher.confirm()

    def delete_before(self, offset: int) -> None:
        """As retention does."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        place = TopicPartition(self.topic.name, SHARD, offset)
        admin.delete_records([place])[place].result(10)

    @contextmanager
    def source(self) -> Iterator[KafkaSource]:
        with closing(
            KafkaSource(self.bootstrap, self.topic.name, epoch=EPOCH, name="test")
        ) as source:
            yield source


@pytest.fixture
def topic(kafka_bootstrap: str, kafka_prefix: str) -> Topic:
    return Topic(kafka_bootstrap, kafka_prefix)


def delivered(source: KafkaSource, until: int, seconds: float = 20.0) -> list[int]:
    """Positions delivered, until there is one as high as `until`."""
    found: list[ArrivedEvent] = []

    def poll() -> bool:
        for shard, events in source.poll(100, 0.05).items():
            assert shard == SHARD
            found.extend(events)
        return bool(found) and found[-1].shard_position >= until

    wait_until(poll, seconds)
    return [event.shard_position for event in found]


@pytest.mark.parametrize("position", [0, 1, 7, 9])
def test_it_begins_behind_the_position_it_is_given(topic: Topic, position: int) -> None:
    with topic.source() as source:
        source.follow(SHARD, position)
        assert delivered(source, 10) == list(range(position + 1, 11))


def test_it_delivers_what_comes_later_and_nothing_once_dropped(topic: Topic) -> None:
    with topic.source() as source:
        source.follow(SHARD, 10)
        topic.publish(range(11, 14))
        assert delivered(source, 13) == [11, 12, 13]
        source.drop(SHARD)
        topic.publish(range(14, 16))
        for _ in range(10):
            assert source.poll(100, 0.05) == {}
        source.follow(SHARD, 13)
        assert delivered(source, 15) == [14, 15]


def test_where_retention_has_taken_the_beginning_it_begins_with_what_is_left(topic: Topic) -> None:
    topic.delete_before(6)
    with topic.source() as source:
        source.follow(SHARD, 2)
        assert delivered(source, 10) == [7, 8, 9, 10]


def test_behind_the_end_it_waits_there_and_skips_what_is_published_again(topic: Topic) -> None:
    with topic.source() as source:
        source.follow(SHARD, 14)
        for _ in range(20):
            assert source.poll(100, 0.05) == {}
        topic.publish(range(11, 18))
        assert delivered(source, 17) == [15, 16, 17]


def test_a_topic_made_anew_is_found_again(topic: Topic) -> None:
    with topic.source() as source:
        source.follow(SHARD, 0)
        assert delivered(source, 10) == list(range(1, 11))
        admin = AdminClient({"bootstrap.servers": topic.bootstrap})
        admin.delete_topics([topic.topic.name])[topic.topic.name].result(10)
        wait_until(lambda: topic.topic.name not in admin.list_topics(timeout=10).topics)
        for _ in range(10):
            assert source.poll(100, 0.05) == {}
        topic.make()
        topic.publish(range(11, 13))
        source.follow(SHARD, 10)
        assert delivered(source, 12) == [11, 12]
        assert source.trouble is None


def test_records_of_another_epoch_or_of_nobody_are_left_out(topic: Topic) -> None:
    topic.publish(range(11, 13), epoch=2)
    stranger = Producer({"bootstrap.servers": topic.bootstrap})
    stranger.produce(topic.topic.name, b"hello", partition=SHARD)
    assert stranger.flush(10) == 0
    topic.publish(range(11, 14))
    with topic.source() as source:
        source.follow(SHARD, 9)
        assert delivered(source, 13) == [10, 11, 12, 13]


def test_a_broker_that_is_not_there_is_told_not_raised() -> None:
    with closing(KafkaSource("127.0.0.1:1", "t", epoch=EPOCH, name="test")) as source:
        source.follow(0, 0)
        wait_until(lambda: source.poll(10, 0.05) == {} and source.trouble)
        assert "Kafka" in (source.trouble or "")
