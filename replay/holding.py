"""The lease of a replay, held for as long as a process works on it.

A thread renews it. Who cannot renew it any more must stop writing before it has run out: `check`
says so by the clock of this process, which also finds out that the process was stopped for a while.
What a stalled process might still write after that is refused by the checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from eventlog.postgres.connections import Pool
from replay.records import LEASE_SECONDS, ReplayBusyError, lease, release, replay

RENEW_SECONDS: Final = 2.0
# What one renewal may take of the lease before it counts as lost.
MARGIN_SECONDS: Final = 2.0


class LeaseLostError(Exception):
    """Another process may work on it from now on: this one must write nothing more."""

    def __init__(self, replay_id: UUID, why: str) -> None:
        super().__init__(f"replay {replay_id} is no longer this process's to work on: {why}")
        self.replay_id = replay_id


class ReplayCancelledError(Exception):
    """Somebody cancelled it while it ran."""

    def __init__(self, replay_id: UUID) -> None:
        super().__init__(f"replay {replay_id} was cancelled")
        self.replay_id = replay_id


class Holding:
    """`with Holding(...) as held:` and `held.check()` before each write."""

    def __init__(
        self, pool: Pool, replay_id: UUID, owner: str, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._pool = pool
        self._replay_id = replay_id
        self._owner = owner
        self._clock = clock
        self._until = 0.0
        self._ended = Event()
        self._lost = ""
        self._cancelled = False
        self._thread = Thread(target=self._renew, name="replay-lease", daemon=True)

    def __enter__(self) -> Self:
        """Raises `ReplayBusyError`."""
        self._take()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        try:
            with self._pool.connection() as connection:
                release(connection, self._replay_id, self._owner)
        except (psycopg.OperationalError, PoolTimeout):
            return  # It runs out by itself.

    def check(self) -> None:
        """Raises `LeaseLostError`, `ReplayCancelledError`."""
        if self._cancelled:
            raise ReplayCancelledError(self._replay_id)
        if self._lost:
            raise LeaseLostError(self._replay_id, self._lost)
        if self._clock() > self._until:
            raise LeaseLostError(self._replay_id, "the lease could not be renewed in time")

    def _take(self) -> None:
        asked_at = self._clock()
        with self._pool.connection() as connection:
            lease(connection, self._replay_id, self._owner)
            self._cancelled = replay(connection, self._replay_id).state == "cancelled"
        self._until = asked_at + LEASE_SECONDS - MARGIN_SECONDS

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                self._take()
            except ReplayBusyError as error:
                self._lost = str(error)
                return
            except (psycopg.OperationalError, PoolTimeout):
                continue  # An outage: the deadline stands.
