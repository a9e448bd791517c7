"""Multipart forms: how clients send a statement whose parameters do not fit into a URL."""

import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message

from ops.clickhouse_front.errors import Code, refusal
from ops.clickhouse_front.requests import STATEMENT_BYTES_MAX, Request

FORM_TYPE = "multipart/form-data"

_NAME = re.compile(rb'content-disposition:[^\r\n]*?\bname="([^"\r\n]*)"', re.IGNORECASE)


def with_form(request: Request, content_type: str, pieces: Iterator[bytes]) -> Request:
    """The request with its form's `query` and `param_…` added.

    Raises StatementError for a broken form, and for external tables, which are sent as files.
    """
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > STATEMENT_BYTES_MAX:
            raise refusal(
                Code.QUERY_IS_TOO_LARGE, f"a form of more than {STATEMENT_BYTES_MAX} bytes"
            )
    query, parameters = request.query, dict(request.parameters)
    for name, value in _fields(bytes(body), content_type):
        if name == "query":
            query = query + b"\n" + value if query else value
        elif name.startswith("param_"):
            parameters[name.removeprefix("param_")] = _text(name, value)
        else:
            raise refusal(
                Code.NOT_IMPLEMENTED,
                f"form field {name!r}: external tables are not supported by this front; insert the"
                " rows into a temporary table of the session",
            )
    return replace(request, query=query, parameters=parameters)


def _fields(body: bytes, content_type: str) -> Iterator[tuple[str, bytes]]:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary:
        raise refusal(Code.BAD_ARGUMENTS, "a form without a boundary in its Content-Type")
    # Each part stands between two boundary lines; the last boundary ends with `--`.
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        if part.startswith(b"--"):
            return
        head, blank, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not blank or name is None:
            raise refusal(Code.BAD_ARGUMENTS, "a form part without a name or a value")
        yield _text("a form part's name", name[1]), value
    raise refusal(Code.BAD_ARGUMENTS, "the form ends before its last boundary")


def _text(what: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise refusal(Code.BAD_ARGUMENTS, f"{what}: {error}") from error
