"""What the development front of ClickHouse remembers: sessions, settings, tokens, data."""

import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.integration.clickhouse_front_process import (
    ROOT,
    FrontProcess,
    Plain,
    command,
    running_front,
    start_front,
)

ROWS = 200_000
TABLE = (
    "CREATE TABLE {name} (a UInt64, b Int64) ENGINE = MergeTree ORDER BY a"
    " SETTINGS non_replicated_deduplication_window = 100"
)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontProcess]:
    with running_front(tmp_path_factory.mktemp("clickhouse-front")) as running:
        yield running


@pytest.fixture
def client(front: FrontProcess) -> Iterator[Client]:
    with front.client(database="shop") as connected:
        yield connected


@pytest.fixture
def plain(front: FrontProcess) -> Plain:
    return Plain(front)


@pytest.fixture
def table(client: Client) -> str:
    name = f"t_{uuid.uuid4().hex}"
    client.command(TABLE.format(name=name))
    return name


def insert(client: Client, table: str, *, first: int, rows: int = ROWS, token: str) -> None:
    numbers = np.arange(first, first + rows, dtype=np.uint64)
    client.insert(
        table,
        cast("list[list[object]]", [numbers, numbers.astype(np.int64)]),
        column_names=["a", "b"],
        column_type_names=["UInt64", "Int64"],
        column_oriented=True,
        settings={"insert_deduplication_token": token},
    )


def count(client: Client, table: str) -> int:
    return int(str(client.command(f"SELECT count() FROM {table}")))


def test_a_session_keeps_its_settings_database_and_temporary_tables(front: FrontProcess) -> None:
    with front.client() as one, front.client() as other:
        one.command("SET max_block_size = 4242")
        one.command("USE shop")
        one.command("CREATE TEMPORARY TABLE draft (a UInt8)")
        one.insert("draft", [[1], [2]], column_names=["a"])
        own = "SELECT getSetting('max_block_size'), currentDatabase(), (SELECT sum(a) FROM draft)"
        assert one.command(own) == ["4242", "shop", "3"]
        assert other.command("SELECT currentDatabase()") == "default"
        assert other.command("SELECT getSetting('max_block_size')") != 4242
        assert other.command("EXISTS TEMPORARY TABLE draft") == 0


def test_a_requests_settings_end_with_it_and_leave_the_sessions_own(client: Client) -> None:
    setting = "SELECT getSetting('max_block_size')"
    initial = client.command(setting)
    assert client.command(setting, settings={"max_block_size": 77}) == 77
    assert client.command(setting) == initial
    client.command("SET max_block_size = 4242", settings={"max_block_size": 77})
    assert client.command(setting) == 4242
    assert client.command(setting, settings={"max_block_size": 78}) == 78
    assert client.command(setting) == 4242


def test_requests_without_a_session_share_nothing(front: FrontProcess, plain: Plain) -> None:
    before = plain(b"SELECT getSetting('max_block_size'), currentDatabase()")
    plain(b"SET max_block_size = 4242")
    plain(b"USE shop")
    plain(b"CREATE TEMPORARY TABLE draft (a UInt8)")
    plain(b"SELECT 1", max_block_size="77", database="shop")
    for _ in range(5):
        assert plain(b"SELECT getSetting('max_block_size'), currentDatabase()")[2] == before[2]
        assert plain(b"EXISTS TEMPORARY TABLE draft")[2] == b"0\n"


def test_a_read_only_request_does_not_make_its_session_read_only(
    client: Client, table: str
) -> None:
    with pytest.raises(DatabaseError) as refused:
        client.command(f"TRUNCATE TABLE {table}", settings={"readonly": 1, "max_threads": 1})
    assert refused.value.code == 164
    assert client.command("SELECT 1", settings={"readonly": 1}) == 1
    insert(client, table, first=0, rows=1, token="after")
    assert count(client, table) == 1


def test_get_only_reads(plain: Plain, table: str) -> None:
    assert plain(method="GET", query="SELECT 1")[::2] == (200, b"1\n")
    for change in (f"DROP TABLE shop.{table}", f"INSERT INTO shop.{table} VALUES (1, 1)"):
        status, headers, _ = plain(method="GET", query=change)
        assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert plain(f"SELECT count() FROM shop.{table}".encode())[2] == b"0\n"


def test_a_busy_session_is_locked_and_a_missing_one_is_not_found(plain: Plain) -> None:
    slow = threading.Thread(target=plain, args=(b"SELECT sleep(2)",), kwargs={"session_id": "busy"})
    slow.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert plain(b"SELECT 1", session_id="busy")[1]["X-ClickHouse-Exception-Code"] == "373"
    assert 0.9 < time.monotonic() - began < 1.6
    slow.join()
    assert plain(b"SELECT 1", session_id="busy", session_check="1")[0] == 200
    missing = plain(b"SELECT 1", session_id="never", session_check="1")
    assert missing[1]["X-ClickHouse-Exception-Code"] == "372"


def test_an_idle_session_ends_at_its_timeout(plain: Plain) -> None:
    assert plain(b"SELECT 1", session_id="short", session_timeout="1")[0] == 200
    deadline = time.monotonic() + 10
    while plain(b"SELECT 1", session_id="short", session_check="1", session_timeout="1")[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(2.2)
    assert plain(b"SELECT 1", session_id="x", session_timeout="abc")[0] == 500


def test_web_pages_are_refused(plain: Plain) -> None:
    for headers in ({"Origin": "http://localhost"}, {"Host": "rebound.example"}):
        status, _, text = plain(b"SELECT 1", headers=headers)
        assert (status, b"web pages" in text) == (403, True)


def test_one_block_under_one_token_counts_once(client: Client, table: str) -> None:
    for _ in range(2):
        insert(client, table, first=0, token="0-199999")
    assert count(client, table) == ROWS
    insert(client, table, first=0, token="again, on purpose")
    assert count(client, table) == 2 * ROWS


def test_a_token_does_not_outlive_its_request(client: Client, table: str) -> None:
    insert(client, table, first=0, rows=10, token="once")
    for first in (10, 20):
        rows = [[n, n] for n in range(first, first + 10)]
        client.insert(table, rows, column_names=["a", "b"])
    assert count(client, table) == 30


def test_an_insert_cut_off_on_the_way_writes_nothing(
    front: FrontProcess, client: Client, table: str
) -> None:
    with socket.create_connection(("127.0.0.1", front.port)) as connection:
        target = f"/?query=INSERT+INTO+shop.{table}+FORMAT+CSV"
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head.encode() + b"1,1\n" * 1_000_000)
    time.sleep(0.3)
    assert count(client, table) == 0
    insert(client, table, first=0, rows=5, token="whole")
    assert count(client, table) == 5


def test_acknowledged_rows_and_tokens_survive_kill_9(tmp_path: Path) -> None:
    front = start_front(tmp_path / "data", tmp_path / "first.log")
    with front.client() as client:
        client.command("CREATE DATABASE shop")
        client.command(TABLE.format(name="shop.t"))
        insert(client, "shop.t", first=0, token="0-199999")
    front.kill()
    front = start_front(tmp_path / "data", tmp_path / "second.log")
    try:
        with front.client(database="shop") as client:
            assert count(client, "t") == ROWS
            insert(client, "t", first=0, token="0-199999")
            assert count(client, "t") == ROWS
            insert(client, "t", first=ROWS, token="200000-399999")
            assert client.command("SELECT count(), sum(a) FROM t") == ["400000", "79999800000"]
        assert front.terminate() == 0
    finally:
        front.kill()


def test_a_stop_lets_a_running_request_end(tmp_path: Path) -> None:
    front = start_front(tmp_path / "data", tmp_path / "log")
    answer: list[tuple[int, dict[str, str], bytes]] = []
    running = threading.Thread(target=lambda: answer.append(Plain(front)(b"SELECT sleep(1), 42")))
    try:
        running.start()
        time.sleep(0.4)
        front.process.send_signal(signal.SIGINT)
        assert front.process.wait(10) == 0
        running.join()
    finally:
        front.kill()
    assert [text for _, _, text in answer] == [b"0\t42\n"]
    assert "stopped" in front.log.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "0"], "in use by process {pid}"),
        (["--port", "{port}", "--data", "{elsewhere}"], "give another --port"),
        (["--port", "0", "--host", "0.0.0.0"], "no loopback address"),
        (["--port", "0", "--data", "{elsewhere}/a?b"], "without one"),
        (["--port", "0", "--data", "{elsewhere}/file"], "choose a directory"),
    ],
)
def test_what_cannot_start_says_why_and_leaves_the_running_front_alone(
    front: FrontProcess, tmp_path: Path, options: list[str], words: str
) -> None:
    (tmp_path / "file").touch()
    names = {"pid": front.process.pid, "port": front.port, "elsewhere": tmp_path}
    data = front.log.parent / "data"
    ended = subprocess.run(
        command(data, *(option.format(**names) for option in options)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert words.format(**names) in ended.stderr
    assert Plain(front)(b"SELECT 1")[2] == b"1\n"


WRITER = """
import sys, clickhouse_connect
port, table, writer = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
client = clickhouse_connect.get_client(host="127.0.0.1", port=port, database="shop")
for batch in range(10):
    first = (writer * 10 + batch) * 1000
    rows = [[n, n] for n in range(first, first + 1000)]
    for attempt in range(2):
        client.insert(table, rows, column_names=["a", "b"],
                      settings={"insert_deduplication_token": str(first)})
    own = f"a >= {first} AND a < {first + 1000}"
    assert client.command(f"SELECT count() FROM {table} WHERE {own}") == 1000
"""


def test_clients_in_several_processes_write_and_read_at_once(
    front: FrontProcess, client: Client, table: str
) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(front.port), table, str(n)])
        for n in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert client.command(f"SELECT count(), uniqExact(a) FROM {table}") == ["30000", "30000"]


def test_slow_requests_of_several_clients_run_side_by_side(plain: Plain) -> None:
    began = time.monotonic()
    threads = [threading.Thread(target=plain, args=(b"SELECT sleep(1)",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 4


def test_a_running_query_is_killed_by_its_text(front: FrontProcess, client: Client) -> None:
    codes: list[str] = []

    def endless() -> None:
        answer = Plain(front)(b"SELECT count() FROM system.numbers WHERE NOT ignore(number, 4243)")
        codes.append(answer[1].get("X-ClickHouse-Exception-Code", "none"))

    running = threading.Thread(target=endless)
    running.start()
    deadline = time.monotonic() + 10
    while running.is_alive() and time.monotonic() < deadline:
        time.sleep(0.2)
        client.command("KILL QUERY WHERE query LIKE '%number, 42' || '43%' SYNC")
    running.join()
    assert codes == ["394"]


def test_tables_are_exchanged_merged_viewed_expired_and_pruned(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE next_{table} AS {table}")
    client.command(
        f"CREATE MATERIALIZED VIEW sums_{table} ENGINE = SummingMergeTree ORDER BY k"
        f" AS SELECT a % 2 AS k, sum(b) AS total FROM {table} GROUP BY k"
    )
    insert(client, table, first=0, rows=10, token="a")
    assert client.command(f"SELECT sum(total) FROM sums_{table}") == 45
    client.command(f"EXCHANGE TABLES {table} AND next_{table}")
    assert (count(client, table), count(client, f"next_{table}")) == (0, 10)
    client.command(f"ALTER TABLE next_{table} DELETE WHERE a < 4", settings={"mutations_sync": 1})
    assert count(client, f"next_{table}") == 6
    client.command(
        f"CREATE TABLE last_{table} (k UInt8, v UInt64, at DateTime64(6, 'UTC'))"
        " ENGINE = ReplacingMergeTree(v) ORDER BY k TTL toDateTime(at) + INTERVAL 1 DAY"
    )
    for version in (2, 1, 3):
        client.command(f"INSERT INTO last_{table} VALUES (1, {version}, now64(6, 'UTC'))")
    client.command(f"INSERT INTO last_{table} VALUES (2, 1, '2020-01-01 00:00:00.000000')")
    client.command(f"OPTIMIZE TABLE last_{table} FINAL")
    assert client.query(f"SELECT k, v FROM last_{table} FINAL").result_rows == [(1, 3)]
