"""What the front must know of a statement before the engine sees it.

Rows that follow an INSERT never reach the engine as SQL: there a blank line in CSV would end the
data and run the rest. The engine itself counts and classifies everything else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ops.clickhouse_front.errors import Code, StatementError, refusal
from ops.clickhouse_front.tokens import Kind, Token, tokens

VALUES = "Values"

# After FORMAT x: blanks, and one line end that belongs to the statement and not to the data.
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertHead:
    """An INSERT whose rows follow: its statement without FORMAT, and where the rows start."""

    statement: bytes
    format: str
    data_start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A statement's first word in capitals, its FORMAT clause as written, and its INTO OUTFILE."""

    leading_word: bytes
    format: str | None
    into_outfile: bool


def outline(sql: bytes) -> Outline:
    """The outline of any statement; of a broken one too, which the engine then refuses."""
    leading_word = next((token.text for token in tokens(sql) if token.kind is Kind.WORD), b"")
    flat = [token for token in tokens(sql) if token.depth == 0]
    format_name, into_outfile = None, False
    for index, (token, following) in enumerate(pairwise(flat)):
        if token.is_word(b"FORMAT") and following.kind is Kind.WORD and _ends(flat[index + 2 :]):
            format_name = sql[following.start : following.end].decode(errors="replace")
        into_outfile |= token.is_word(b"INTO") and following.is_word(b"OUTFILE")
    into_outfile = into_outfile and leading_word != b"INSERT"  # there it is a table's name
    return Outline(leading_word=leading_word, format=format_name, into_outfile=into_outfile)


def _ends(rest: list[Token]) -> bool:
    """Whether a FORMAT clause may be followed by this: if not, it was a column named `format`."""
    return not rest or rest[0].is_sign(b";") or rest[0].is_word(b"SETTINGS")


def has_second_statement(sql: bytes) -> bool:
    """Whether anything but blanks, comments and semicolons follows a semicolon."""
    ended = False
    for token in tokens(sql):
        if token.is_sign(b";"):
            ended = True
        elif ended:
            return True
    return False


def multi_statements() -> StatementError:
    """The refusal of more than one statement; none of them has run."""
    return refusal(
        Code.SYNTAX_ERROR,
        "Syntax error (Multi-statements are not allowed): send one statement per request, and rows"
        " after INSERT … FORMAT",
    )


def insert_head(sql: bytes) -> InsertHead | None:
    """The head of an INSERT with rows after it; None for any other statement.

    `sql` may be cut anywhere behind the head, and may go on with rows of any bytes.
    Raises StatementError for an INSERT that reads files of the server, or its rows by input().
    """
    stream = tokens(sql)
    token = next(stream, None)
    if token is None or not token.is_word(b"INSERT"):
        return None
    token = _behind_table_name(stream)
    while token is not None:
        following = next(stream, None)
        if token.depth == 0 and token.is_word(b"VALUES"):
            return InsertHead(statement=sql[: token.start], format=VALUES, data_start=token.end)
        if token.depth == 0 and token.is_word(b"SELECT", b"WITH"):
            _refuse_input_function(stream)
            return None
        if following is not None and token.depth == 0 and following.kind is Kind.WORD:
            if token.is_word(b"FROM") and following.is_word(b"INFILE"):
                raise refusal(
                    Code.SUPPORT_IS_DISABLED,
                    "FROM INFILE names a file of the server; send the rows after FORMAT instead",
                )
            if token.is_word(b"FORMAT"):
                return _formatted(sql, token, following)
        token = following
    return None


def _formatted(sql: bytes, clause: Token, name: Token) -> InsertHead:
    blank = _BEFORE_DATA.match(sql, name.end)
    return InsertHead(
        statement=sql[: clause.start],
        format=sql[name.start : name.end].decode(errors="replace"),
        data_start=blank.end() if blank is not None else name.end,
    )


def _behind_table_name(stream: Iterator[Token]) -> Token | None:
    """The first token after the name: a table called `format` or `values` is no clause."""
    token = next(stream, None)
    while token is not None and token.is_word(b"INTO", b"TABLE", b"FUNCTION"):
        token = next(stream, None)
    while token is not None:
        if token.is_sign(b"{"):  # a part may be a {parameter:Identifier}
            while token is not None and not token.is_sign(b"}"):
                token = next(stream, None)
        token = next(stream, None)
        if token is None or not token.is_sign(b"."):
            break
        token = next(stream, None)
    return token


def _refuse_input_function(stream: Iterator[Token]) -> None:
    previous: Token | None = None
    for token in stream:
        if previous is not None and previous.is_word(b"INPUT") and token.is_sign(b"("):
            raise refusal(
                Code.NOT_IMPLEMENTED,
                "INSERT … SELECT … FROM input() is not supported by this front; insert the rows"
                " into a staging table first",
            )
        previous = token
