"""All four parts under one supervisor: killed, stopped, backed up; nothing they had is lost."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import clickhouse_connect
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ops.stack.backup import back_up, restore
from ops.stack.clickhouse import ClickHousePart
from ops.stack.directory import DataDirectory
from ops.stack.kafka import KafkaPart
from ops.stack.postgres import PostgresPart
from ops.stack.redis import RedisPart
from ops.stack.state import StackState, State
from ops.stack.supervisor import Composition
from tests.supervision import Stack, eventually, supervised

PARTS = (PostgresPart(), KafkaPart(), RedisPart(), ClickHousePart())
NAMES = tuple(part.name for part in PARTS)
TOPIC = "kept"
ALL_KEPT = dict.fromkeys(NAMES, "yes")
# A killed broker waits for its own session to end; the machine may be busy.
RECOVERY_SECONDS_MAX = 60.0


def addresses(stack: Stack) -> dict[str, str]:
    return StackState.running(stack.directory).addresses


def write(found: dict[str, str]) -> None:
    """Leave one row, one record and one key in every store."""
    with psycopg.connect(found["postgres"]) as postgres:
        postgres.execute("CREATE TABLE kept AS SELECT 'yes' AS answer")
    quiet: dict[str, str | float] = {"bootstrap.servers": found["kafka"], "log_level": 0}
    admin = AdminClient(quiet)
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(10)
    producer = Producer(quiet)
    producer.produce(TOPIC, b"yes")
    assert producer.flush(10) == 0
    with redis.Redis.from_url(found["redis"]) as client:
        client.set("kept", "yes")
    server = found["clickhouse"].removesuffix("/backstock")
    with closing(clickhouse_connect.get_client(dsn=server)) as house:
        house.command("CREATE DATABASE backstock ENGINE = Atomic")
        house.command("CREATE TABLE backstock.kept (a String) ENGINE = MergeTree ORDER BY a")
        house.insert("backstock.kept", [["yes"]], column_names=["a"])


def read(found: dict[str, str]) -> dict[str, str]:
    """Return what every store has kept."""
    with psycopg.connect(found["postgres"]) as postgres:
        row = postgres.execute("SELECT answer FROM kept").fetchone()
    with redis.Redis.from_url(found["redis"], decode_responses=True) as client:
        value = client.get("kept")
    with closing(clickhouse_connect.get_client(dsn=found["clickhouse"])) as house:
        answer = house.query("SELECT a FROM kept").result_rows[0][0]
    return {
        "postgres": row[0] if row else "",
        "kafka": first_record(found["kafka"]),
        "redis": cast("str", value),
        "clickhouse": answer,
    }


def first_record(bootstrap: str) -> str:
    settings = {"bootstrap.servers": bootstrap, "group.id": "reader", "log_level": 0}
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    with closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            # Errors are passing ones here: the broker may just have come back.
            if message is not None and message.error() is None:
                return (message.value() or b"").decode()
    return ""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with something in every store."""
    root = tmp_path_factory.mktemp("stack") / "data"
    with supervised(root, Composition(parts=PARTS)) as running:
        assert running.failures == []
        write(addresses(running))
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_part_comes_back_by_itself_with_its_data(stack: Stack, name: str) -> None:
    found = addresses(stack)
    before = stack.unit(name)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    assert eventually(lambda: stack.unit(name).restarts > before.restarts)
    assert eventually(lambda: stack.unit(name).state is State.READY, RECOVERY_SECONDS_MAX)
    assert stack.unit(name).pid != before.pid
    assert addresses(stack) == found
    assert read(found) == ALL_KEPT
    assert any(line.startswith(f"{name}: was killed by signal 9") for line in stack.notes.said)


def test_the_next_start_and_a_restored_backup_have_the_same_data(tmp_path: Path) -> None:
    composition = Composition(parts=PARTS)
    with supervised(tmp_path / "data", composition) as stack:
        first = addresses(stack)
        write(first)
    archive = tmp_path / "backup.tar.zst"
    back_up(DataDirectory(root=tmp_path / "data"), archive)
    with supervised(tmp_path / "data", composition) as stack:
        assert addresses(stack) == first
        assert read(first) == ALL_KEPT
    restore(archive, DataDirectory(root=tmp_path / "again"))
    with supervised(tmp_path / "again", composition) as stack:
        assert read(addresses(stack)) == ALL_KEPT
