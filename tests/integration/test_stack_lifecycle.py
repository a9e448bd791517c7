"""The whole embedded stack from the command line: starts, survives, stops, keeps its data."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import clickhouse_connect
import psutil
import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ops.stack.directory import DataDirectory
from ops.stack.state import StackState, State, UnitState

ROOT = Path(__file__).parents[2]
PARTS = ("postgres", "kafka", "redis", "clickhouse")
TOPIC = "kept"
# A killed broker waits for its own session to end.
RECOVERY_SECONDS_MAX = 30.0


def backstock(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "ops.main", *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def up(data: Path) -> dict[str, Any]:
    result = backstock("up", "--detach", "--json", "--data", str(data))
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def running(data: Path) -> dict[str, Any]:
    """Return what `up` says of a stack that runs; start it when an earlier test has stopped it."""
    directory = DataDirectory(root=data)
    if directory.holder() is None:
        return up(data)
    return dict(StackState.running(directory).addresses)


def unit(data: Path, name: str) -> UnitState:
    state = StackState.read(DataDirectory(root=data))
    assert state is not None
    return next(unit for unit in state.units if unit.name == name)


def write(stack: dict[str, Any]) -> None:
    """Leave one row, one record and one key in every store."""
    with psycopg.connect(stack["postgres"]) as postgres:
        postgres.execute("CREATE TABLE kept AS SELECT 'yes' AS answer")
    admin = AdminClient({"bootstrap.servers": stack["kafka"], "log_level": 0})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(10)
    producer = Producer({"bootstrap.servers": stack["kafka"], "log_level": 0})
    producer.produce(TOPIC, b"yes")
    assert producer.flush(10) == 0
    with redis.Redis.from_url(stack["redis"]) as client:
        client.set("kept", "yes")
    server = stack["clickhouse"].removesuffix("/backstock")
    with closing(clickhouse_connect.get_client(dsn=server)) as client:
        client.command("CREATE DATABASE IF NOT EXISTS backstock ENGINE = Atomic")
        client.command("CREATE TABLE backstock.kept (a String) ENGINE = MergeTree ORDER BY a")
        client.insert("backstock.kept", [["yes"]], column_names=["a"])


def read(stack: dict[str, Any]) -> dict[str, object]:
    """Return what every store has kept."""
    with psycopg.connect(stack["postgres"]) as postgres:
        row = postgres.execute("SELECT answer FROM kept").fetchone()
    settings = {"bootstrap.servers": stack["kafka"], "group.id": "reader", "log_level": 0}
    with closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        deadline = time.monotonic() + RECOVERY_SECONDS_MAX
        records: list[bytes | None] = []
        while not records and time.monotonic() < deadline:
            message = consumer.poll(1)
            # Errors are passing ones here: the broker may just have come back.
            if message is not None and message.error() is None:
                records.append(message.value())
    with redis.Redis.from_url(stack["redis"], decode_responses=True) as client:
        value = client.get("kept")
    with closing(clickhouse_connect.get_client(dsn=stack["clickhouse"])) as client:
        answer = client.query("SELECT a FROM kept").result_rows[0][0]
    return {
        "postgres": row and row[0],
        "kafka": (records[0] or b"").decode() if records else None,
        "redis": value,
        "clickhouse": answer,
    }


ALL_KEPT = dict.fromkeys(PARTS, "yes")


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory on which a stack with something in every store runs."""
    directory = tmp_path_factory.mktemp("stack") / "data"
    try:
        write(up(directory))
        yield directory
    finally:
        backstock("down", "--data", str(directory))


def test_a_second_up_is_refused_and_a_detached_one_finds_the_running_stack(data: Path) -> None:
    running(data)
    before = {name: unit(data, name).pid for name in PARTS}
    refused = backstock("up", "--data", str(data))
    assert refused.returncode == 1
    assert "in use by process" in refused.stderr
    assert read(up(data)) == ALL_KEPT
    assert {name: unit(data, name).pid for name in PARTS} == before


@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_comes_back_by_itself_with_its_data(data: Path, name: str) -> None:
    stack = running(data)
    before = unit(data, name)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    assert eventually(lambda: unit(data, name).restarts == before.restarts + 1, 15)
    assert eventually(lambda: unit(data, name).state is State.READY, RECOVERY_SECONDS_MAX)
    assert unit(data, name).pid != before.pid
    assert read(stack) == ALL_KEPT
    log = (data / "logs" / "supervisor.log").read_text()
    assert f"{name}: was killed by signal 9" in log


def test_stops_within_seconds_and_finds_its_data_and_addresses_again(data: Path) -> None:
    first = running(data)
    began = time.monotonic()
    down = backstock("down", "--json", "--data", str(data))
    assert json.loads(down.stdout) == {"data": str(data), "was_running": True}
    assert time.monotonic() - began < 20
    stopped = backstock("status", "--json", "--data", str(data))
    assert stopped.returncode == 1
    assert json.loads(stopped.stdout)["running"] is False
    again = up(data)
    assert read(again) == ALL_KEPT
    assert {name: again[name] for name in PARTS} == {name: first[name] for name in PARTS}
    assert again["started_in_seconds"] < 30


def test_a_backup_of_a_running_stack_stops_it_only_when_told_to(data: Path, tmp_path: Path) -> None:
    running(data)
    archive = tmp_path / "backup.tar.zst"
    refused = backstock("backup", str(archive), "--data", str(data))
    assert refused.returncode == 1
    assert "backstock down" in refused.stderr
    assert DataDirectory(root=data).holder() is not None
    again = tmp_path / "again"
    for command in (
        ("backup", str(archive), "--stop", "--data", str(data)),
        ("restore", str(archive), "--data", str(again)),
    ):
        result = backstock(*command)
        assert result.returncode == 0, result.stderr
    assert DataDirectory(root=data).holder() is None
    try:
        assert read(up(again)) == ALL_KEPT
    finally:
        backstock("down", "--data", str(again))


def test_nothing_in_the_data_directory_is_open_to_others(data: Path) -> None:
    running(data)
    open_to_others = stat.S_IRWXG | stat.S_IRWXO
    assert stat.S_IMODE(data.stat().st_mode) == stat.S_IRWXU
    for path in data.iterdir():
        assert path.stat().st_mode & open_to_others == 0, path
    for path in (data / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR, path


def test_every_part_listens_on_the_loopback_interface_only(data: Path) -> None:
    running(data)
    listening = 0
    for name in PARTS:
        leader = psutil.Process(unit(data, name).pid)
        for process in (leader, *leader.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                for connection in process.net_connections():
                    if connection.status == psutil.CONN_LISTEN:
                        assert connection.laddr.ip in {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
                        listening += 1
    assert listening >= len(PARTS)


def test_status_shows_every_part_without_passwords(data: Path) -> None:
    secret = running(data)["postgres"].split(":")[2].split("@")[0]
    report = backstock("status", "--data", str(data))
    assert report.returncode == 0
    for name in PARTS:
        assert name in report.stdout
    assert secret not in report.stdout
    assert secret not in (data / "logs" / "supervisor.log").read_text()


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = backstock("up", "--data", str(tmp_path / "file" / "data"))
    assert result.returncode == 1
    assert "Choose another one with --data" in result.stderr


def test_an_unknown_option_is_wrong_use() -> None:
    assert backstock("up", "--detatch").returncode == 2
