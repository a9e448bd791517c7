"""Run one statement on a handle: an insert of rows, a stream, or a whole answer."""

import contextlib
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from ops.clickhouse_front.bodies import PIECE_BYTES
from ops.clickhouse_front.engine import Result
from ops.clickhouse_front.errors import Code, engine_errors, refusal
from ops.clickhouse_front.handles import Handle
from ops.clickhouse_front.requests import Request, Rows
from ops.clickhouse_front.settings import quoted, set_statement
from ops.clickhouse_front.statements import (
    Outline,
    has_second_statement,
    multi_statements,
    outline,
)

logger = logging.getLogger(__name__)

FORMAT_DEFAULT = "TabSeparated"

# A stream's blocks are encoded one by one: only what has no header, no footer and no file
# structure is still one document when they are joined.
STREAMED_FORMATS = frozenset(
    {"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow", "JSONLines", "NDJSON"}
)
STREAMED_WORDS = frozenset({b"SELECT", b"WITH"})
# Of what the engine calls control, these leave nothing on the handle.
PASSING_CONTROL_WORDS = frozenset({b"KILL", b"SYSTEM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    elapsed_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer; `format` is None for a statement that has no result."""

    body: bytes
    format: str | None
    summary: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Blocks still to be pulled; the first one is there, so the statement did start well.

    Pulling raises StatementError when the statement fails later. Close it to cancel the rest.
    """

    first: bytes
    rest: Generator[bytes, None, None]
    format: str


def leaves_traces(request: Request, statement: bytes | Rows) -> bool:
    """Whether the request leaves something on its handle that no SET takes back.

    `readonly` forbids its own reset, and a parameter cannot be unset.
    """
    inserts_with_parameters = isinstance(statement, Rows) and bool(request.parameters)
    return inserts_with_parameters or request.settings.get("readonly", "0") != "0"


def execute(
    handle: Handle, request: Request, statement: bytes | Rows, *, database: str | None
) -> Answer | Stream:
    """Run the statement in this database, with the request's settings for it alone.

    A stream keeps the handle until it is closed. Raises StatementError; an insert that fails has
    written nothing, unless it is longer than the engine's blocks of a million rows or 256 MB.
    """
    if isinstance(statement, Rows):
        if request.read_only:
            raise _read_only()
        handle.prepare(database=database, settings=request.settings)
        return _insert(handle, request, statement)
    shape = outline(statement)
    kind = _classified(handle, statement, shape)
    if request.read_only and kind != "READ_ONLY":
        raise _read_only()
    control = kind == "CONTROL" and shape.leading_word not in PASSING_CONTROL_WORDS
    if control:
        handle.spent = True
    changes_settings = control and shape.leading_word == b"SET"
    # A SET must meet the session's own settings, not those of the request's URL.
    settings = {} if changes_settings else request.settings
    handle.prepare(database=database, settings=settings)
    if changes_settings:
        handle.has_set()
    answer_format = shape.format or _default_format(request)
    if (
        not request.buffered
        and shape.leading_word in STREAMED_WORDS
        and answer_format in STREAMED_FORMATS
        and kind == "READ_ONLY"
    ):
        return _stream(handle, request, statement, answer_format)
    with engine_errors():
        result = handle.connection.query(
            statement, _default_format(request), params=request.parameters
        )
    if control and shape.leading_word == b"USE":
        handle.has_used()
    body = result.bytes()
    has_result = kind == "READ_ONLY" or bool(body)
    return Answer(body=body, format=answer_format if has_result else None, summary=_summary(result))


def _read_only() -> Exception:
    return refusal(
        Code.READONLY, "Cannot execute query in readonly mode: GET only reads, so send a POST"
    )


def _classified(handle: Handle, statement: bytes, shape: Outline) -> str:
    """The engine's class of a single statement, UNKNOWN for what it cannot parse.

    The engine runs what precedes a broken statement, so a second one is looked for here as well.
    """
    with engine_errors():
        report = handle.connection.classify_query(statement)
    count = int(report["statement_count"])
    if count > 1 or (count == 0 and has_second_statement(statement)):
        raise multi_statements()
    if shape.into_outfile:
        raise refusal(
            Code.SUPPORT_IS_DISABLED,
            "INTO OUTFILE names a file of the server; read the answer and write it yourself",
        )
    return str(report["query_class"].name)


def _insert(handle: Handle, request: Request, rows: Rows) -> Answer:
    connection = handle.connection
    with engine_errors():
        if request.parameters:
            connection.query(
                set_statement(
                    {f"param_{name}": quoted(value) for name, value in request.parameters.items()}
                )
            )
        insert = connection.send_insert(rows.head.statement, rows.head.format)
    finished = False
    try:
        for piece in _joined(rows.pieces):
            with engine_errors():
                connection.insert_append(insert, piece)
        with engine_errors():
            result = connection.insert_done(insert)
        finished = True
    finally:
        if not finished:
            with contextlib.suppress(RuntimeError):  # it is already over in the engine
                connection.insert_cancel(insert)
    return Answer(body=b"", format=None, summary=_summary(result))


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at least PIECE_BYTES, but for the last."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _stream(handle: Handle, request: Request, statement: bytes, answer_format: str) -> Stream:
    blocks = _blocks(handle, request, statement)
    return Stream(first=next(blocks, b""), rest=blocks, format=answer_format)


def _blocks(handle: Handle, request: Request, statement: bytes) -> Generator[bytes, None, None]:
    connection = handle.connection
    with engine_errors():
        stream = connection.send_query(
            statement, _default_format(request), params=request.parameters
        )
    unfinished = True
    try:
        while unfinished:
            unfinished = False  # a fetch that fails has ended the stream
            with engine_errors():
                block = connection.streaming_fetch_result(stream)
            unfinished = block.rows_read() > 0
            # The last block has no rows, but may have totals, or a header without rows.
            if piece := block.bytes():
                yield piece
    finally:
        if unfinished:
            connection.streaming_cancel_query(stream)


def _default_format(request: Request) -> str:
    return request.default_format or FORMAT_DEFAULT


def _summary(result: Result) -> Summary:
    return Summary(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        elapsed_seconds=result.elapsed(),
    )
