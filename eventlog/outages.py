"""Outages: told apart from faults, and waited out with growing, bounded pauses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolTimeout

from eventlog.log import LogUnavailableError
from eventlog.projection import StoreUnavailableError

PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 5.0
# What is answered by waiting and asking again; whatever else a store says is a fault.
OUTAGES = (StoreUnavailableError, LogUnavailableError)


@contextmanager
def postgres_outages() -> Iterator[None]:
    """Turn what psycopg raises for an outage into `StoreUnavailableError`."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        raise StoreUnavailableError("PostgreSQL", error) from error


class Backoff:
    """Pauses that double from PAUSE_SECONDS_MIN to PAUSE_SECONDS_MAX until something went well."""

    def __init__(self) -> None:
        self._next = PAUSE_SECONDS_MIN

    def next_pause(self) -> float:
        """The seconds to wait before the next attempt."""
        pause = self._next
        self._next = min(2 * pause, PAUSE_SECONDS_MAX)
        return pause

    def went_well(self) -> None:
        self._next = PAUSE_SECONDS_MIN
