"""Topics of a test as damage has left them, compared and repaired; also as a process of its own."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from eventlog.kafka.cursors import RelayCursors
from eventlog.kafka.records import HeaderList, encode
from eventlog.kafka.topics import ensure_topic, events_topic
from eventlog.postgres.connections import Pool
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from replay.reconcile.kafka import KafkaAndStore, compare
from replay.reconcile.repair import KafkaRepair, Repaired
from replay.reconcile.report import KafkaReport
from tests.log_running import ROOT, Place
from tests.log_writing import SHARDS
from tests.tally import EPOCH, MAIN_SHARD

Record = tuple[bytes, str, int, HeaderList]
# A relay of these tests renews its leases that often.
SETTLE_SECONDS = 0.7


def sides_of(place: Place, pool: Pool) -> KafkaAndStore:
    return KafkaAndStore(
        bootstrap=place.bootstrap,
        topic=place.topic,
        reader=PostgresReader(pool),
        cursors=RelayCursors(pool, owner="").read,
        heads=partial(shard_positions, pool),
        epoch=EPOCH,
    )


def compared(place: Place) -> KafkaReport:
    with place.pool("compare") as pool:
        return compare(sides_of(place, pool))


def repaired(place: Place) -> list[Repaired]:
    """Compare, and repair what is not whole."""
    with place.pool("repair") as pool:
        sides = sides_of(place, pool)
        repair = KafkaRepair(
            sides=sides,
            topic=events_topic(place.prefix, SHARDS),
            pool=pool,
            incarnation=secrets.token_hex(6),
            sleep=time.sleep,
            settle_seconds=SETTLE_SECONDS,
        )
        return repair.repair(compare(sides))


def records_of(place: Place, shard: int = MAIN_SHARD) -> list[Record]:
    """What the relay would write of the whole shard."""
    with place.pool("records") as pool:
        return list(encode(PostgresReader(pool).read_shard(shard, 0, 100_000), EPOCH))


def publish(place: Place, records: list[Record], shard: int = MAIN_SHARD) -> None:
    """Write records to the topic of events as they are, behind what is there."""
    ensure_topic(place.bootstrap, events_topic(place.prefix, SHARDS), sleep=time.sleep)
    producer = Producer({"bootstrap.servers": place.bootstrap, "linger.ms": 5})
    for value, key, timestamp, headers in records:
        producer.produce(place.topic, value, key, shard, timestamp=timestamp, headers=headers)
    assert producer.flush(10) == 0


def drop_records(place: Place, below: int, shard: int = MAIN_SHARD) -> None:
    """Delete the records below an offset, as retention does."""
    admin = AdminClient({"bootstrap.servers": place.bootstrap})
    for deleted in admin.delete_records([TopicPartition(place.topic, shard, below)]).values():
        deleted.result(10)


def limit_retention(place: Place) -> None:
    """Let the topic of events drop what is older than a thousand years."""
    entry = ConfigEntry(
        "retention.ms", str(1_000 * 365 * 86_400_000), incremental_operation=AlterConfigOpType.SET
    )
    topic = ConfigResource(ResourceType.TOPIC, place.topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": place.bootstrap})
    admin.incremental_alter_configs([topic])[topic].result(10)


def with_header(record: Record, name: str, change: Callable[[str], str]) -> Record:
    value, key, timestamp, headers = record
    changed: HeaderList = [
        (each, change(told if isinstance(told, str) else (told or b"").decode()))
        if each == name
        else (each, told)
        for each, told in headers
    ]
    return value, key, timestamp, changed


@contextmanager
def repair_process(place: Place, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A repair as a process of its own, which `environment` may arm to crash."""
    child = subprocess.Popen(
        (sys.executable, "-m", "tests.reconcile_side", json.dumps(asdict(place))),
        cwd=ROOT,
        env={**os.environ, **environment},
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    repaired(Place(**json.loads(sys.argv[1])))
