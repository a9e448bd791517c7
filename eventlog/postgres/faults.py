"""What PostgreSQL says while an append is still open, in the words of `eventlog.log`."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

from eventlog.log import AppendRejectedError, LogUnavailableError, StreamVersionConflict

STREAM_VERSIONS = "one_event_per_stream_version"
# Punctuation only: the sentence around it comes in the server's language.
TAKEN = re.compile(r"\)=\((?P<ledger>[^,]+), (?P<stream>.*), -?\d+\)", re.DOTALL)


def fault_of(error: psycopg.Error) -> Exception:
    """The fault to raise for an error that left nothing written."""
    if isinstance(error, errors.UniqueViolation) and error.diag.constraint_name == STREAM_VERSIONS:
        taken = TAKEN.search(error.diag.message_detail or "")
        return StreamVersionConflict(taken["ledger"], taken["stream"]) if taken else error
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return AppendRejectedError(error.sqlstate, str(error).strip())
    return LogUnavailableError(str(error).strip())
