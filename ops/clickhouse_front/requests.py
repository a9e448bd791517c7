"""An HTTP request as ClickHouse reads it: statement, parameters, settings, session."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from urllib.parse import parse_qsl, urlsplit

from ops.clickhouse_front.errors import Code, refusal
from ops.clickhouse_front.settings import engine_settings
from ops.clickhouse_front.statements import (
    VALUES,
    InsertHead,
    has_second_statement,
    insert_head,
    multi_statements,
)

# As the engine's max_query_size: an INSERT shows where its rows start within this many bytes.
HEAD_BYTES = 256 << 10
STATEMENT_BYTES_MAX = 16 << 20
ARGUMENTS_MAX = 1000
SESSION_SECONDS_DEFAULT = 60
SESSION_SECONDS_MAX = 3600

_OFF = {"", "0", "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWish:
    """The session a request names; `must_exist` refuses to make a new one."""

    id: str
    idle_seconds: int
    must_exist: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a request asks for beside its statement."""

    query: bytes
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    database: str | None
    session: SessionWish | None
    query_id: str | None
    default_format: str | None
    buffered: bool
    compressed: bool
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An INSERT and its rows, still on their way."""

    head: InsertHead
    pieces: Iterator[bytes]


def decode_target(target: str, *, method: str) -> Request:
    """The request in a URL. Raises StatementError for arguments that make no sense."""
    try:
        pairs = parse_qsl(
            urlsplit(target).query,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=ARGUMENTS_MAX,
        )
    except ValueError as error:  # bad UTF-8 among them
        raise refusal(Code.BAD_ARGUMENTS, f"the URL's arguments: {error}") from error
    arguments = dict(pairs)
    for name in ("compress", "decompress"):
        if not _is_off(arguments.get(name)):
            raise refusal(
                Code.NOT_IMPLEMENTED,
                f"{name}=1 (native block compression) is not supported by this front; use"
                " Content-Encoding and Accept-Encoding",
            )
    return Request(
        query=arguments.get("query", "").encode(),
        parameters=_parameters(arguments),
        settings=engine_settings(arguments),
        database=arguments.get("database") or None,
        session=_session(arguments),
        query_id=arguments.get("query_id") or None,
        default_format=arguments.get("default_format") or None,
        buffered=not _is_off(arguments.get("wait_end_of_query")),
        compressed=not _is_off(arguments.get("enable_http_compression")),
        read_only=method == "GET",
    )


def _is_off(value: str | None) -> bool:
    return value is None or value.lower() in _OFF


def _parameters(arguments: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("param_"): value
        for name, value in arguments.items()
        if name.startswith("param_")
    }


def _session(arguments: Mapping[str, str]) -> SessionWish | None:
    if not arguments.get("session_id"):
        return None
    timeout = arguments.get("session_timeout") or str(SESSION_SECONDS_DEFAULT)
    if not timeout.isdecimal() or int(timeout) > SESSION_SECONDS_MAX:
        raise refusal(
            Code.INVALID_SESSION_TIMEOUT,
            f"session_timeout {timeout!r}: give 0 to {SESSION_SECONDS_MAX} whole seconds",
        )
    return SessionWish(
        id=arguments["session_id"],
        idle_seconds=int(timeout),
        must_exist=not _is_off(arguments.get("session_check")),
    )


def read_statement(query: bytes, pieces: Iterator[bytes]) -> bytes | Rows:
    """The statement of a request: the URL's part, a line end, the body; or an INSERT and its rows.

    Raises StatementError when it is longer than STATEMENT_BYTES_MAX, BodyCutError when it breaks
    off. Rows are of any length: they are read while they are inserted.
    """
    head = bytearray(query + b"\n" if query else b"")
    _fill(head, pieces, HEAD_BYTES)
    text = bytes(head)
    insert = insert_head(text)
    if insert is not None and insert.format != VALUES:
        return Rows(head=insert, pieces=chain([text[insert.data_start :]], pieces))
    _fill(head, pieces, STATEMENT_BYTES_MAX + 1)
    if len(head) > STATEMENT_BYTES_MAX:
        raise refusal(
            Code.QUERY_IS_TOO_LARGE,
            f"a statement of more than {STATEMENT_BYTES_MAX} bytes; send many rows as INSERT …"
            " FORMAT Native, CSV or any other format but VALUES",
        )
    text = bytes(head)
    if insert is None:
        return text
    values = text[insert.data_start :]
    if has_second_statement(values):
        raise multi_statements()  # the engine would drop it without a word
    return Rows(head=insert, pieces=iter([values]))


def _fill(head: bytearray, pieces: Iterator[bytes], size: int) -> None:
    while len(head) < size:
        piece = next(pieces, None)
        if piece is None:
            return
        head += piece
