"""The relay against a real PostgreSQL and Kafka: everything, in order, and nothing else."""

import base64
import json
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from eventlog.heads import HeadKey, microseconds, verify
from eventlog.kafka import topics
from eventlog.kafka.records import decode
from eventlog.kafka.relay import ForkedTopicError
from eventlog.kafka.topics import (
    Topic,
    TopicMismatchError,
    ensure_topic,
    events_topic,
    heads_topic,
)
from eventlog.postgres.heads import last_signed_head, ledger_head
from eventlog.postgres.reader import PostgresReader
from eventlog.projection import StoreUnavailableError
from eventlog.shards import shard_of
from tests.kafka_reading import cursor_of, delete_topic, last_published, positions, published
from tests.log_running import Place, relay_running, wait_until
from tests.log_writing import SHARDS, LogWriter
from tests.parts import Database
from tests.tally import EPOCH

LEDGERS = ("acme/main", "acme/second", "globex/main")


def test_kafka_gets_exactly_what_the_store_has_in_its_order(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    for ledger in LEDGERS:
        log_writer.write_many(300, ledger=ledger, batch=70)
    with relay_running(place) as relay:
        wait_until(lambda: relay.progress and relay.progress.events == 900)
        for ledger in LEDGERS:
            log_writer.write("stock-A-1@WH", "stock-A-2@WH", ledger=ledger)
        wait_until(lambda: relay.progress and relay.progress.events == 906)
    reader = PostgresReader(log_writer.pool)
    for shard in {shard_of(ledger, SHARDS) for ledger in LEDGERS}:
        stored = reader.read_shard(shard, 0, 1_000)
        assert published(place, shard) == stored
        assert cursor_of(postgres_database, shard) == len(stored)


def test_a_record_lies_where_the_offset_hint_looks_for_it_with_its_own_time(
    place: Place, log_writer: LogWriter
) -> None:
    log_writer.write_many(10)
    with relay_running(place) as relay:
        wait_until(lambda: relay.progress and relay.progress.events == 10)
    shard = shard_of("acme/main", SHARDS)
    consumer: Consumer = Consumer({"bootstrap.servers": place.bootstrap, "group.id": "t"})
    with closing(consumer):
        consumer.assign([TopicPartition(place.topic, shard, 7)])
        message = consumer.consume(1, 10.0)[0]
        event = decode(message, EPOCH)
        assert event.shard_position == 8
        assert message.timestamp()[1] == microseconds(event.recorded_at) // 1000
        assert message.key() == f"acme/main|{event.stream}".encode()


@pytest.mark.parametrize("lost", [4, 10])
def test_a_lost_tail_is_published_again_from_the_first_missing(
    place: Place, log_writer: LogWriter, postgres_database: Database, lost: int
) -> None:
    """Deleted records cannot be had back, so the loss is a cursor that says more than Kafka has."""
    log_writer.write_many(10 - lost)
    with relay_running(place):
        wait_until(lambda: last_published(place) == 10 - lost)
    log_writer.write_many(lost)
    shard = shard_of("acme/main", SHARDS)
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("UPDATE relay_cursors SET position = 10 WHERE shard = %s", (shard,))
    with relay_running(place):
        wait_until(lambda: last_published(place) == 10)
    assert positions(place, shard) == list(range(1, 11))


def test_a_topic_made_anew_is_filled_again_from_the_beginning(
    place: Place, log_writer: LogWriter
) -> None:
    shard = shard_of("acme/main", SHARDS)
    log_writer.write_many(50)
    with relay_running(place):
        wait_until(lambda: last_published(place) == 50)
    delete_topic(place)
    with relay_running(place):
        wait_until(lambda: last_published(place) == 50)
    assert positions(place, shard) == list(range(1, 51))


def test_a_cursor_behind_kafka_is_moved_forward_not_published_again(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    shard = shard_of("acme/main", SHARDS)
    log_writer.write_many(20)
    with relay_running(place):
        wait_until(lambda: last_published(place) == 20)
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("UPDATE relay_cursors SET position = 5 WHERE shard = %s", (shard,))
    with relay_running(place):
        wait_until(lambda: cursor_of(postgres_database, shard) == 20)
        log_writer.write("stock-A-1@WH")
        wait_until(lambda: last_published(place) == 21)
    assert positions(place, shard) == list(range(1, 22))


def test_a_topic_with_another_history_is_refused(
    place: Place, log_writer: LogWriter, postgres_database: Database
) -> None:
    log_writer.write_many(5)
    with relay_running(place):
        wait_until(lambda: last_published(place) == 5)
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        admin.execute("UPDATE events SET chain_hash = %s WHERE shard_position = 5", (bytes(32),))
        admin.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER facts_stay")
    with pytest.raises(ForkedTopicError, match="delete the topic"), relay_running(place) as relay:
        wait_until(lambda: relay.error)


def test_a_topic_with_another_number_of_partitions_is_refused(place: Place) -> None:
    ensure_topic(place.bootstrap, events_topic(place.prefix, SHARDS - 1), sleep=time.sleep)
    with pytest.raises(TopicMismatchError, match="partitions 15"), relay_running(place) as relay:
        wait_until(lambda: relay.error)


def test_topics_keep_records_for_ever_and_take_any_time_they_are_given(place: Place) -> None:
    topic = events_topic(place.prefix, 2)
    ensure_topic(place.bootstrap, topic, sleep=time.sleep)
    ensure_topic(place.bootstrap, topic, sleep=time.sleep)
    producer = Producer({"bootstrap.servers": place.bootstrap})
    refused: list[object] = []
    for timestamp in (1, int(time.time() * 1000) + 10 * 365 * 86_400_000):
        producer.produce(
            topic.name,
            b"x",
            partition=1,
            timestamp=timestamp,
            on_delivery=lambda e, _: refused.append(e),
        )
    assert producer.flush(10) == 0
    assert refused == [None, None]
    finite = Topic(name=topic.name, partitions=2, retention_ms=1_000)
    with pytest.raises(TopicMismatchError, match=r"retention\.ms -1"):
        ensure_topic(place.bootstrap, finite, sleep=time.sleep)


def test_a_broker_that_is_not_there_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "REQUEST_SECONDS_MAX", 0.5)
    nowhere = events_topic("test", 1)
    with pytest.raises(StoreUnavailableError, match="Kafka"):
        ensure_topic("127.0.0.1:1", nowhere, sleep=time.sleep)


def test_two_relays_share_the_shards_and_a_stopped_one_hands_over(
    place: Place, log_writer: LogWriter
) -> None:
    with relay_running(place, "relay-1") as first:
        wait_until(lambda: first.progress and len(first.progress.shards) == SHARDS)
        with relay_running(place, "relay-2") as second:
            wait_until(lambda: second.progress and len(second.progress.shards) == SHARDS // 2)
            wait_until(lambda: first.progress and len(first.progress.shards) == SHARDS // 2)
            for ledger in LEDGERS:
                log_writer.write_many(100, ledger=ledger)
            wait_until(
                lambda: (
                    sum(each.progress.events for each in (first, second) if each.progress) == 300
                )
            )
        wait_until(lambda: first.progress and len(first.progress.shards) == SHARDS, 10)
    for shard in {shard_of(ledger, SHARDS) for ledger in LEDGERS}:
        found = positions(place, shard)
        assert found == list(range(1, len(found) + 1))


def test_the_head_of_a_ledger_that_moved_is_signed_in_topic_and_table(
    place: Place, log_writer: LogWriter
) -> None:
    log_writer.write_many(7)
    key = HeadKey.in_directory(Path(place.keys))
    pool = log_writer.pool
    with relay_running(place):
        wait_until(lambda: (signed := last_signed_head(pool, "acme/main")) and signed.position == 7)
        log_writer.write("stock-A-1@WH")
    signed = last_signed_head(pool, "acme/main")
    head = ledger_head(pool, "acme/main")
    assert signed is not None
    assert head is not None
    assert (signed.position, signed.chain_hash) == (8, head.chain_hash), "signed at the clean stop"
    assert verify(signed, key.public)
    topic = heads_topic(place.prefix).name
    consumer: Consumer = Consumer({"bootstrap.servers": place.bootstrap, "group.id": "t"})
    with closing(consumer):
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        consumer.assign([TopicPartition(topic, 0, 0)])
        records = consumer.consume(high, 10.0)
    assert high == 2, "a ledger that stands still is not signed again"
    assert records[-1].key() == b"acme/main"
    assert json.loads(records[-1].value() or b"") == {
        "ledger": "acme/main",
        "position": 8,
        "chain_hash": head.chain_hash.hex(),
        "recorded_at": microseconds(head.recorded_at),
        "key_id": key.key_id,
        "signature": base64.b64encode(signed.signature).decode(),
    }
