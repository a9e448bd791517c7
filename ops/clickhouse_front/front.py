"""The engine, its sessions and its idle handles: everything behind the HTTP server."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ops.clickhouse_front.engine import Engine
from ops.clickhouse_front.execution import Answer, Stream, execute, leaves_traces
from ops.clickhouse_front.handles import Handle, IdlePool
from ops.clickhouse_front.requests import Request, Rows
from ops.clickhouse_front.sessions import Sessions

logger = logging.getLogger(__name__)

REAP_SECONDS = 1.0


class Front:
    """Runs requests on handles of their own. Safe for any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._pool = IdlePool(engine.connect)
        self._sessions = Sessions(self._pool.new)
        self._stopping = threading.Event()
        threading.Thread(target=self._reap, name="session-reaper", daemon=True).start()

    @contextmanager
    def run(self, request: Request, statement: bytes | Rows) -> Iterator[Answer | Stream]:
        """The answer; a stream in it lives until the context ends, and holds its handle.

        Raises StatementError. A request in a session runs under the session's lock.
        """
        with self._lease(request, statement) as (handle, database):
            answer = execute(handle, request, statement, database=database)
            try:
                yield answer
            finally:
                if isinstance(answer, Stream):
                    answer.rest.close()

    @contextmanager
    def _lease(
        self, request: Request, statement: bytes | Rows
    ) -> Iterator[tuple[Handle, str | None]]:
        if request.session is None:
            with self._pooled(spent=leaves_traces(request, statement)) as handle:
                yield handle, request.database
            return
        with self._sessions.lease(request.session) as handle:
            if not leaves_traces(request, statement):
                yield handle, request.database
                return
            # It would stay in the session for good. The price: such a request sees neither the
            # session's temporary tables nor its SETs; a missing table is an error, not silence.
            with self._pooled(spent=True) as other:
                yield other, request.database or handle.home

    @contextmanager
    def _pooled(self, *, spent: bool) -> Iterator[Handle]:
        handle = self._pool.take()
        try:
            handle.spent = spent
            yield handle
        finally:
            self._pool.give_back(handle)

    def _reap(self) -> None:
        while not self._stopping.wait(REAP_SECONDS):
            self._sessions.reap()

    def close(self) -> None:
        """Close every handle and with the last one the engine; nothing may run any more."""
        self._stopping.set()
        self._sessions.close()
        self._pool.close()
        self.engine.close()
