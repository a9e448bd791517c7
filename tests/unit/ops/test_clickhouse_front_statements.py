"""How the ClickHouse front tells statements, rows and comments apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.clickhouse_front.errors import StatementError
from ops.clickhouse_front.statements import has_second_statement, insert_head, outline
from ops.clickhouse_front.tokens import tokens

HIDDEN = [
    "'; it''s \\' ;'",
    '"a;""b"',
    "`a;``b`",
    "$x$ ; ' $x$",
    "/* ; /* nested; */ ; */",
    "-- ; to the end\n",
    "# ; to the end\n",
    "#! ; to the end\n",
]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_semicolon_in_a_literal_or_comment_ends_no_statement(hidden: str) -> None:
    assert not has_second_statement(f"SELECT {hidden} , 1 ; ;".encode())
    assert has_second_statement(f"SELECT {hidden} ; DROP TABLE t".encode())


@pytest.mark.parametrize("open_literal", ["'", '"', "`", "$x$"])
def test_an_unclosed_literal_hides_nothing(open_literal: str) -> None:
    assert has_second_statement(f"SELECT {open_literal} ; DROP TABLE t".encode())


@pytest.mark.parametrize(
    ("sql", "statement", "format_name", "rows"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", "1,2\n"),
        ("insert into t (a, b) format TSV \r\n\n1", "insert into t (a, b) ", "TSV", "\n1"),
        ("INSERT INTO t SETTINGS x=1 FORMAT CSV 1", "INSERT INTO t SETTINGS x=1 ", "CSV", "1"),
        ("INSERT INTO a.`b FORMAT c` VALUES (1)", "INSERT INTO a.`b FORMAT c` ", "Values", " (1)"),
        ("INSERT INTO values VALUES (1)", "INSERT INTO values ", "Values", " (1)"),
        ("INSERT INTO x.format FORMAT CSV\n", "INSERT INTO x.format ", "CSV", ""),
        ("INSERT INTO {d:Identifier}.{t:Identifier} FORMAT CSV\n1", None, "CSV", "1"),
        ("INSERT INTO FUNCTION null('FORMAT a') FORMAT CSV\n1", None, "CSV", "1"),
        ("/* x */ INSERT t(a) -- FORMAT TSV\n FORMAT Native\n\0\xff", None, "Native", "\0\xff"),
    ],
)
def test_rows_start_behind_the_format_of_an_insert(
    sql: str, statement: str | None, format_name: str, rows: str
) -> None:
    text = sql.encode("latin-1")
    head = insert_head(text)
    assert head is not None
    assert (head.format, text[head.data_start :]) == (format_name, rows.encode("latin-1"))
    if statement is not None:
        assert head.statement == statement.encode()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FORMAT CSV",
        "INSERT INTO t SELECT a, format FROM x",
        "INSERT INTO t (SELECT 1 AS format)",
        "WITH 1 AS a INSERT INTO t SELECT a",
        "EXPLAIN INSERT INTO t FORMAT CSV",
        "INSERT INTO t",
        "",
    ],
)
def test_a_statement_without_rows_has_no_insert_head(sql: str) -> None:
    assert insert_head(sql.encode()) is None


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t FROM INFILE 'a' FORMAT CSV",
        "INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV\n1",
    ],
)
def test_rows_from_elsewhere_are_refused(sql: str) -> None:
    with pytest.raises(StatementError):
        insert_head(sql.encode())


@pytest.mark.parametrize(
    ("sql", "word", "format_name", "outfile"),
    [
        ("select 1 format JSON", b"SELECT", "JSON", False),
        ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1;", b"SELECT", "CSV", False),
        ("(SELECT 1) FORMAT TSV", b"SELECT", "TSV", False),
        ("SELECT format(a) FROM t", b"SELECT", None, False),
        ("SELECT format, a FROM t", b"SELECT", None, False),
        ("SELECT format FROM t WHERE a", b"SELECT", None, False),
        ("SELECT (SELECT 1 FORMAT CSV)", b"SELECT", None, False),
        ("SELECT 'FORMAT CSV' -- FORMAT CSV", b"SELECT", None, False),
        ("SELECT 1 INTO OUTFILE 'x' FORMAT CSV", b"SELECT", "CSV", True),
        ("SELECT 1 INTO /* */ outfile 'x'", b"SELECT", None, True),
        ("INSERT INTO outfile SELECT 1", b"INSERT", None, False),
        ("", b"", None, False),
    ],
)
def test_the_outline_of_a_statement(
    sql: str, word: bytes, format_name: str | None, outfile: bool
) -> None:
    found = outline(sql.encode())
    assert (found.leading_word, found.format, found.into_outfile) == (word, format_name, outfile)


@given(st.binary(max_size=200))
def test_any_bytes_are_cut_into_tokens_that_follow_each_other(sql: bytes) -> None:
    end = 0
    for token in tokens(sql):
        assert end <= token.start < token.end <= len(sql)
        assert sql[token.start : token.end].upper() == token.text.upper()
        end = token.end
