"""A handle on the engine and what requests have left on it; the idle ones wait in a pool."""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping

from ops.clickhouse_front.engine import Connection
from ops.clickhouse_front.errors import engine_errors
from ops.clickhouse_front.settings import BASELINE, quoted, resting, set_statement

logger = logging.getLogger(__name__)

IDLE_HANDLES_MAX = 16
DATABASE_DEFAULT = "default"


class Handle:
    """One engine connection with the USE and SET of the last request still applied.

    URL settings and the URL's database hold for one request. They are left on the handle until a
    request differs, because clients send the same ones again and again: a SET costs 0.13 ms.
    Not for two threads at a time. `spent` says that it must be closed, not used again.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.spent = False
        self._home = self._current = DATABASE_DEFAULT
        self._own_settings = False
        self._applied: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._run(set_statement({name: quoted(value) for name, value in BASELINE.items()}))

    @property
    def home(self) -> str:
        """The database that USE chose, or the one that the handle started in."""
        return self._home

    def prepare(self, *, database: str | None, settings: Mapping[str, str]) -> None:
        """Apply this database and exactly these settings. Raises StatementError, nothing changed.

        Without a database it is the one that USE chose.
        """
        fresh = [name for name in settings if name not in self._applied]
        before = self._before | (self._values(fresh) if self._own_settings else {})
        literals = {
            name: before.get(name, resting(name)) for name in self._applied if name not in settings
        }
        for name, value in settings.items():
            if self._applied.get(name) != value:
                literals[name] = quoted(value)
        if literals:
            self._run(set_statement(literals))
            self._applied = dict(settings)
            self._before = {name: before[name] for name in settings if name in before}
        self._use(database or self._home)

    def has_set(self) -> None:
        """Note that a SET statement ran: from now on URL settings must be taken back to it."""
        self._own_settings = True

    def has_used(self) -> None:
        """Note that a USE statement ran."""
        row = self._run("SELECT currentDatabase() FORMAT TabSeparatedRaw")
        self._home = self._current = row.decode().removesuffix("\n")

    def close(self) -> None:
        self.connection.close()

    def _use(self, database: str) -> None:
        if database != self._current:
            self._run("USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`")
            self._current = database

    def _values(self, names: list[str]) -> dict[str, str]:
        """The literals that restore settings which a SET of the session may have changed."""
        if not names:
            return {}
        listed = ", ".join(quoted(name) for name in names)
        changed = f"SELECT name, value FROM system.settings WHERE changed AND name IN ({listed})"  # noqa: S608
        rows = self._run(changed + " FORMAT JSONEachRow")
        return {row["name"]: quoted(row["value"]) for row in map(json.loads, rows.splitlines())}

    def _run(self, sql: str) -> bytes:
        with engine_errors():
            return self.connection.query(sql, "TabSeparated").bytes()


class IdlePool:
    """Handles for requests without a session; a few wait for the next request."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: deque[Handle] = deque()
        self._lock = threading.Lock()

    def take(self) -> Handle:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self.new()

    def new(self) -> Handle:
        """A handle that nobody has used."""
        return Handle(self._connect())

    def give_back(self, handle: Handle) -> None:
        with self._lock:
            if not handle.spent and len(self._idle) < IDLE_HANDLES_MAX:
                self._idle.append(handle)
                return
        handle.close()

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().close()
