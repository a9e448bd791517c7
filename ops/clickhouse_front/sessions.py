"""Sessions: a handle for each session id, kept until it was idle for its timeout."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ops.clickhouse_front.errors import Code, refusal
from ops.clickhouse_front.handles import Handle
from ops.clickhouse_front.requests import SessionWish

logger = logging.getLogger(__name__)

# A handle costs 0.1 MB, and every client opens a session unless it is told not to.
SESSIONS_MAX = 2000
LOCK_SECONDS_MAX = 1.0


@dataclass(slots=True, kw_only=True)
class _Session:
    """`requests` counts those that hold `lock` or wait for it; while there are any, it stays."""

    handle: Handle | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    requests: int = 0
    expires_at: float = 0.0


class Sessions:
    """Every session. `monotonic` gives seconds and never goes back."""

    def __init__(
        self, new_handle: Callable[[], Handle], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._new_handle = new_handle
        self._monotonic = monotonic
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lease(self, wish: SessionWish) -> Iterator[Handle]:
        """The session's handle, for this thread alone.

        Raises StatementError when other requests hold it for longer than LOCK_SECONDS_MAX, when
        it must exist and does not, or when there are too many sessions.
        """
        session = self._enter(wish)
        try:
            if not session.lock.acquire(timeout=LOCK_SECONDS_MAX):
                raise refusal(
                    Code.SESSION_IS_LOCKED,
                    f"session {wish.id!r} is busy with another request; use one client per thread",
                )
            try:
                if session.handle is None:
                    session.handle = self._new_handle()
                yield session.handle
            finally:
                session.lock.release()
        finally:
            with self._lock:
                session.requests -= 1
                session.expires_at = self._monotonic() + wish.idle_seconds

    def _enter(self, wish: SessionWish) -> _Session:
        with self._lock:
            session = self._sessions.get(wish.id)
            if session is None:
                if wish.must_exist:
                    raise refusal(
                        Code.SESSION_NOT_FOUND, f"session {wish.id!r} is not there, or timed out"
                    )
                if len(self._sessions) >= SESSIONS_MAX:
                    raise refusal(
                        Code.TOO_MANY_SIMULTANEOUS_QUERIES,
                        f"{SESSIONS_MAX} sessions are open; reuse clients, or make them with"
                        " autogenerate_session_id=False",
                    )
                session = self._sessions[wish.id] = _Session()
            session.requests += 1
            return session

    def reap(self) -> None:
        """Close what has been idle for its timeout. Never waits for a request."""
        now = self._monotonic()
        with self._lock:
            expired = [
                name
                for name, session in self._sessions.items()
                if not session.requests and session.expires_at <= now
            ]
            handles = [self._sessions.pop(name).handle for name in expired]
        for handle in handles:
            if handle is not None:
                handle.close()
        if expired:
            logger.debug("closed %d idle sessions", len(expired))

    def close(self) -> None:
        """Close every session; none may be in use any more."""
        with self._lock:
            for session in self._sessions.values():
                if session.handle is not None:
                    session.handle.close()
            self._sessions.clear()
