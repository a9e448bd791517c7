"""What a request fails with: ClickHouse's own codes and texts, and their HTTP statuses."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from http import HTTPStatus

_CODE = re.compile(r"Code: (\d+)\.")


class Code(IntEnum):
    """The codes that the front itself refuses with; any other one comes from the engine."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_COMPRESSION_METHOD = 89
    READONLY = 164
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    NETWORK_ERROR = 210
    QUERY_IS_TOO_LARGE = 229
    CANNOT_DECOMPRESS = 271
    SUPPORT_IS_DISABLED = 344
    SESSION_NOT_FOUND = 372
    SESSION_IS_LOCKED = 373
    INVALID_SESSION_TIMEOUT = 374
    HTTP_LENGTH_REQUIRED = 381
    ACCESS_DENIED = 497
    UNKNOWN_EXCEPTION = 1002


_STATUS_CODES = {
    # Only what cannot be parsed, and what names something that is not there, is the caller's fault
    # by status; clients read the code in the header for anything finer.
    HTTPStatus.BAD_REQUEST: (6, 25, 26, 27, 36, 38, 41, 44, 53, 62, 72, 117, 223, 321),
    HTTPStatus.FORBIDDEN: (497,),
    HTTPStatus.NOT_FOUND: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115),
    HTTPStatus.REQUEST_TIMEOUT: (159,),
    HTTPStatus.LENGTH_REQUIRED: (381,),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (229,),
    HTTPStatus.NOT_IMPLEMENTED: (48,),
    HTTPStatus.SERVICE_UNAVAILABLE: (76, 209),
}
_STATUS = {code: status for status, codes in _STATUS_CODES.items() for code in codes}


class StatementError(Exception):
    """A request that failed. `text` starts with `Code: ` and ends with the error's name."""

    def __init__(self, *, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> HTTPStatus:
        return _STATUS.get(self.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def refusal(code: Code, message: str) -> StatementError:
    """The front's own refusal, in the words that clients expect of ClickHouse."""
    return StatementError(
        code=code, text=f"Code: {code.value}. DB::Exception: {message} ({code.name})"
    )


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn the engine's RuntimeError, which carries its whole text, into a StatementError."""
    try:
        yield
    except RuntimeError as error:
        message = str(error)
        found = _CODE.search(message)
        if found is None:
            raise refusal(Code.UNKNOWN_EXCEPTION, message) from error
        raise StatementError(code=int(found[1]), text=message[found.start() :].strip()) from error
