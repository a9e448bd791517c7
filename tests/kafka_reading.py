"""What a test's topic really holds, read by a plain consumer."""

from contextlib import closing

import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from eventlog.kafka.records import decode
from eventlog.kafka.tails import read_tails
from eventlog.log import RecordedEvent
from eventlog.projection import StoreUnavailableError
from tests.log_running import Place, wait_until
from tests.parts import Database
from tests.tally import EPOCH, MAIN_SHARD


def published(place: Place, shard: int = MAIN_SHARD) -> list[RecordedEvent]:
    """Every record of a shard's partition, from its beginning to its present end."""
    consumer: Consumer = Consumer({"bootstrap.servers": place.bootstrap, "group.id": "t"})
    with closing(consumer):
        low, high = consumer.get_watermark_offsets(TopicPartition(place.topic, shard), timeout=10)
        if low == high:
            return []
        consumer.assign([TopicPartition(place.topic, shard, low)])
        events: list[RecordedEvent] = []
        while len(events) < high - low:
            events += [decode(message, EPOCH) for message in consumer.consume(10_000, 1.0)]
        return events


def positions(place: Place, shard: int = MAIN_SHARD) -> list[int]:
    """Shard positions by offset."""
    return [event.shard_position for event in published(place, shard)]


def is_sound(found: list[int]) -> bool:
    """Whether no position comes before all lower ones: what the offset hint relies on."""
    highest = 0
    for position in found:
        if position > highest + 1:
            return False
        highest = max(highest, position)
    return True


def last_published(place: Place) -> int | None:
    """Position of the last record of acme/main's shard, 0 when there is none, None: no topic."""
    try:
        last = read_tails(place.bootstrap, place.topic, [MAIN_SHARD])[MAIN_SHARD].last
    except StoreUnavailableError:
        return None
    return 0 if last is None else last.shard_position


def cursor_of(database: Database, shard: int = MAIN_SHARD) -> int:
    """Where the relay says it is; 0 before it ever was."""
    with psycopg.connect(database.admin) as admin:
        found = admin.execute("SELECT position FROM relay_cursors WHERE shard = %s", (shard,))
        return sum(position for (position,) in found.fetchall())


def delete_topic(place: Place) -> None:
    """Delete the topic of events with all that is in it."""
    admin = AdminClient({"bootstrap.servers": place.bootstrap})
    admin.delete_topics([place.topic])[place.topic].result(10)
    wait_until(lambda: place.topic not in admin.list_topics(timeout=10).topics)
