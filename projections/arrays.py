"""Columns as PostgreSQL array literals: for thousands of rows about six times cheaper than lists.

Instants travel as µs since 1970; `'epoch'::timestamptz + us * interval '1 microsecond'` turns them
back, exactly until the year 2255 (the product is a double).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def int_array(values: Iterable[int]) -> str:
    """For `%s::bigint[]`."""
    return "{" + ",".join(map(str, values)) + "}"


def text_array(values: Iterable[str | None]) -> str:
    """For `%s::text[]`; NULL for None."""
    return "{" + ",".join(map(_quoted, values)) + "}"


def instant_array(values: Iterable[datetime | None]) -> str:
    """For `%s::bigint[]`: µs since 1970; NULL for None."""
    return "{" + ",".join("NULL" if at is None else str(microseconds(at)) for at in values) + "}"


def microseconds(instant: datetime) -> int:
    """Since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'
