"""The development front of ClickHouse, through the ordinary client and over plain HTTP."""

import gzip
import http.client
import io
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import lz4.frame  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, Error, StreamFailureError

from tests.integration.clickhouse_front_process import FrontProcess, Plain, running_front

ROWS = 200_000
ENCODINGS = [False, "lz4", "zstd", "gzip"]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontProcess]:
    with running_front(tmp_path_factory.mktemp("clickhouse-front")) as running:
        yield running


@pytest.fixture
def client(front: FrontProcess) -> Iterator[Client]:
    with front.client(database="shop") as connected:
        yield connected


@pytest.fixture
def table(client: Client) -> str:
    """A new table of (a UInt64, b String) that remembers deduplication tokens."""
    name = f"t_{uuid.uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a"
        " SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


def count(client: Client, table: str) -> int:
    return int(str(client.command(f"SELECT count() FROM {table}")))


def code_of(refused: pytest.ExceptionInfo[Error]) -> int:
    code: int | None = refused.value.code
    assert code is not None
    return code


@pytest.fixture
def plain(front: FrontProcess) -> Plain:
    return Plain(front)


def test_it_says_that_it_is_a_development_part(plain: Plain) -> None:
    assert plain(method="GET", path="/ping")[::2] == (200, b"Ok.\n")
    status, _, text = plain(method="GET")
    assert status == 200
    assert b"development front" in text
    assert b"Not a server" in text


def test_a_new_database_is_atomic_and_serves_as_the_clients_database(client: Client) -> None:
    assert "Atomic" in str(client.command("SHOW CREATE DATABASE shop"))
    assert client.command("SELECT currentDatabase()") == "shop"


def test_an_unknown_database_is_refused_by_name(front: FrontProcess) -> None:
    with pytest.raises(DatabaseError, match="nowhere") as refused:
        front.client(database="nowhere").command("SELECT 1")
    assert code_of(refused) == 81


def test_the_engine_is_in_utc_whatever_the_machine_is_in(client: Client) -> None:
    assert client.command("SELECT timezone(), serverTimezone()") == ["UTC", "UTC"]


@pytest.mark.parametrize("compress", ENCODINGS)
def test_columns_of_rows_go_in_and_come_out_in_every_encoding(
    front: FrontProcess, table: str, compress: bool | str
) -> None:
    with front.client(database="shop", compress=compress) as client:
        numbers = np.arange(ROWS, dtype=np.uint64)
        client.insert(
            table,
            cast("list[list[object]]", [numbers, [f"row {n}" for n in range(ROWS)]]),
            column_names=["a", "b"],
            column_type_names=["UInt64", "String"],
            column_oriented=True,
        )
        whole = client.query(f"SELECT a, b FROM {table} ORDER BY a", column_oriented=True)
        assert list(whole.result_columns[0]) == list(range(ROWS))
        assert whole.result_columns[1][-1] == f"row {ROWS - 1}"
        with client.query_row_block_stream(f"SELECT a FROM {table}") as blocks:
            assert sum(row[0] for block in blocks for row in block) == sum(range(ROWS))


def test_an_insert_tells_how_many_rows_it_wrote(client: Client, table: str) -> None:
    assert client.insert(table, [[1, "x"], [2, "y"]], column_names=["a", "b"]).written_rows == 2


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("Int64", -(2**63)),
        ("String", "quote ' back\\slash\ttab\nline {x:String} ; é"),
        ("Float64", 0.1),
        ("Date", date(2026, 2, 28)),
        ("DateTime64(6)", datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)),
        ("Decimal(20, 4)", Decimal("123456789.0001")),
        ("UUID", uuid.UUID(int=7)),
        ("Bool", True),
        ("Nullable(String)", None),
        ("Array(String)", ["a'b", "c\\d", "e;f"]),
        ("String", "z" * 200_000),  # too long for a URL, so the client sends a form
    ],
)
def test_parameters_of_every_kind_arrive_as_they_are(
    client: Client, type_name: str, value: Any
) -> None:
    answer = client.query(f"SELECT {{p:{type_name}}}", parameters={"p": value}).result_rows[0][0]
    assert (answer.replace(tzinfo=UTC) if isinstance(answer, datetime) else answer) == value


def test_parameters_reach_the_values_of_an_insert_and_no_later_one(
    client: Client, table: str
) -> None:
    insert = f"INSERT INTO {table} VALUES ({{n:UInt64}}, {{s:String}})"
    client.command(insert, parameters={"n": 7, "s": "it's; \\ 7"})
    assert client.query(f"SELECT * FROM {table}").result_rows == [(7, "it's; \\ 7")]
    with pytest.raises(DatabaseError):
        client.command(insert)
    assert count(client, table) == 1


@pytest.mark.parametrize(
    "statements",
    [
        "SELECT 1; SELECT 2",
        "CREATE TABLE extra (a Int8) ENGINE = Memory; SELECT 1",
        "CREATE TABLE extra (a Int8) ENGINE = Memory; SELEC 1",
        "CREATE TABLE extra (a Int8) ENGINE = Memory; /* ' */ (",
    ],
)
def test_several_statements_are_refused_and_none_of_them_runs(
    client: Client, statements: str
) -> None:
    with pytest.raises(DatabaseError, match="Multi-statements") as refused:
        client.command(statements)
    assert code_of(refused) == 62
    assert client.command("EXISTS TABLE extra") == 0


def test_a_statement_after_the_values_of_an_insert_is_refused(client: Client, table: str) -> None:
    with pytest.raises(DatabaseError, match="Multi-statements"):
        client.command(f"INSERT INTO {table} VALUES (1, ';'); DROP TABLE {table}")
    client.command(f"INSERT INTO {table} VALUES (1, '; DROP TABLE x');")
    assert count(client, table) == 1


def test_a_blank_line_in_csv_is_data_and_never_ends_in_sql(
    client: Client, plain: Plain, table: str
) -> None:
    rows = f"1,one\n\nDROP TABLE {table};\n".encode()
    with pytest.raises(DatabaseError, match="CANNOT_PARSE_INPUT"):
        client.raw_insert(table, insert_block=rows, fmt="CSV")
    status, _, text = plain(rows, query=f"INSERT INTO shop.{table} FORMAT CSV")
    assert (status, b"CANNOT_PARSE_INPUT" in text) == (400, True)
    assert count(client, table) == 0
    client.raw_insert(table, insert_block=b'1,"one\n\nSELECT 1; SELECT 2"\n', fmt="CSV")
    assert client.query(f"SELECT b FROM {table}").result_rows == [("one\n\nSELECT 1; SELECT 2",)]


def test_a_table_called_values_or_format_takes_rows(client: Client) -> None:
    for name in ("values", "format"):
        client.command(f"CREATE TABLE {name} (a UInt8) ENGINE = Memory")
        client.command(f"INSERT INTO {name} FORMAT CSV", data="1\n2\n")
        client.command(f"INSERT INTO shop.{name} (a) VALUES (3)")
        assert client.command(f"SELECT sum(a) FROM {name}") == 6


def test_text_columnar_and_compressed_files_are_inserted(client: Client, table: str) -> None:
    client.raw_insert(
        table, ["a", "b"], gzip.compress(b"1\tx\n2\ty\n"), fmt="TSV", compression="gzip"
    )
    client.insert_arrow(table, pa.table({"a": pa.array([3, 4], pa.uint64()), "b": ["z", "w"]}))
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"a": [5, 6], "b": ["u", "v"]}), file)
    client.raw_insert(table, ["a", "b"], file.getvalue(), fmt="Parquet")
    assert client.command(f"SELECT count(), sum(a) FROM {table}") == ["6", "21"]
    assert client.query_arrow(f"SELECT a FROM {table} ORDER BY a LIMIT 1").to_pydict() == {"a": [1]}


@pytest.mark.parametrize(
    ("statement", "code", "status", "words"),
    [
        ("SELEC 1", 62, 400, "SYNTAX_ERROR"),
        ("SELECT * FROM missing", 60, 404, "UNKNOWN_TABLE"),
        ("SELECT missing()", 46, 404, "UNKNOWN_FUNCTION"),
        ("SELECT throwIf(1, 'as asked')", 395, 500, "as asked"),
        ("SELECT 1 FORMAT Missing", 73, 404, "UNKNOWN_FORMAT"),
        ("1", 62, 400, "SYNTAX_ERROR"),
        ("SELECT 1 INTO OUTFILE 'taken.csv'", 344, 500, "INTO OUTFILE"),
        ("INSERT INTO FUNCTION null('a Int8') FROM INFILE 'x.csv' FORMAT CSV", 344, 500, "INFILE"),
        ("INSERT INTO x SELECT * FROM input('a Int8') FORMAT CSV 1", 48, 501, "staging table"),
    ],
)
def test_a_failing_statement_answers_with_the_engines_code_and_text(
    plain: Plain, statement: str, code: int, status: int, words: str
) -> None:
    answered, headers, text = plain(statement.encode(), database="shop")
    assert (answered, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert text.decode().startswith(f"Code: {code}.")
    assert words in text.decode()
    assert "(version " in text.decode()


def test_a_refused_body_never_runs_into_the_next_request(front: FrontProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    for body, status in (
        (b"INSERT INTO x FORMAT CSV\n" + b"1\n" * 2_000_000, 404),
        (b"SELECT 1", 200),
    ):
        connection.request("POST", "/?database=shop", body)
        response = connection.getresponse()
        assert (response.status, response.will_close) == (status, False)
        response.read()
    connection.close()


def test_an_unknown_setting_fails_its_request_only(client: Client) -> None:
    with pytest.raises(DatabaseError) as refused:
        client.command("SELECT 1", settings={"no_such_setting": 1, "max_threads": 1})
    assert code_of(refused) == 115
    assert client.command("SELECT 1") == 1


def test_a_statement_ends_at_its_max_execution_time(client: Client) -> None:
    endless = "SELECT count() FROM system.numbers"
    with pytest.raises(DatabaseError) as refused:
        client.query(endless, settings={"max_execution_time": 0.3})
    assert code_of(refused) == 159


@pytest.mark.parametrize("compress", ENCODINGS)
def test_an_error_in_the_middle_of_a_stream_reaches_its_reader(
    front: FrontProcess, compress: bool | str
) -> None:
    failing = "SELECT number, throwIf(number = 700000, 'half way') FROM numbers(1000000)"
    sizes: list[int] = []
    with front.client(compress=compress) as client:
        blocks = client.query_row_block_stream(failing, settings={"max_threads": 1})
        with blocks, pytest.raises(StreamFailureError, match="half way") as refused:
            sizes.extend(len(block) for block in blocks)
        assert code_of(refused) == 395
        assert 0 < sum(sizes) < 1_000_000
        assert client.command("SELECT 1") == 1


def test_a_stream_that_broke_cannot_be_taken_for_a_whole_one(plain: Plain) -> None:
    failing = b"SELECT throwIf(number = 900000) FROM numbers(1000000) FORMAT CSV"
    with pytest.raises(http.client.IncompleteRead) as broken:
        plain(failing, max_threads="1")
    assert b"__exception__" in broken.value.partial


def test_a_stream_that_its_reader_leaves_is_cancelled_and_frees_its_session(
    front: FrontProcess, plain: Plain
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    connection.request("POST", "/?session_id=left", b"SELECT number, 'left' FROM system.numbers")
    assert connection.getresponse().read(100)
    connection.close()
    running = b"SELECT count() FROM system.processes WHERE query LIKE '%\\'le' || 'ft\\'%'"
    deadline = time.monotonic() + 10
    while plain(running)[2] != b"0\n":
        assert time.monotonic() < deadline
    assert plain(b"SELECT 1", session_id="left", session_check="1")[2] == b"1\n"


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("lz4", lz4.frame.compress), ("zstd", zstd.compress), ("gzip", gzip.compress)],
)
def test_a_body_may_be_several_frames_but_not_a_broken_one(
    client: Client, plain: Plain, table: str, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = b"".join(compress(piece) for piece in (b"1,a\n2,", b"b\n", b"3,c\n"))
    insert = {"query": f"INSERT INTO shop.{table} FORMAT CSV"}
    headers = {"Content-Encoding": encoding}
    assert plain(body, headers=headers, **insert)[0] == 200
    assert client.command(f"SELECT count(), max(b) FROM {table}") == ["3", "c"]
    for broken in (body[:-3], body + b"rest"):
        answer = plain(broken, headers=headers, **insert)
        assert answer[1]["X-ClickHouse-Exception-Code"] == "271"
    unknown = plain(body, headers={"Content-Encoding": "br"}, **insert)
    assert unknown[1]["X-ClickHouse-Exception-Code"] == "89"
    assert count(client, table) == 3


def test_totals_come_with_a_streamed_answer(plain: Plain) -> None:
    answer = plain(
        b"SELECT number % 2 AS k, count() FROM numbers(5) GROUP BY k WITH TOTALS ORDER BY k"
    )
    assert answer[2] == b"0\t3\n1\t2\n\n0\t5\n"
