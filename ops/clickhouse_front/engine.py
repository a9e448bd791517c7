"""The part of the chdb extension that the front uses, typed, and the opening of a directory.

The low-level handle is used instead of `chdb.connect`: only it classifies statements, and it keeps
the last piece of a stream (totals, a header without rows) that the wrapper drops.
"""

import fcntl
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from ops.clickhouse_front.errors import StatementError, engine_errors

logger = logging.getLogger(__name__)


class Result(Protocol):
    """A whole answer, or one block of a stream; `elapsed` is in seconds."""

    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...
    def rows_written(self) -> int: ...
    def bytes_written(self) -> int: ...
    def elapsed(self) -> float: ...


class Connection(Protocol):
    """One handle on the engine, with its own USE, SET and temporary tables.

    Every method raises RuntimeError with the engine's text. One statement at a time: a query on a
    handle whose stream is open comes back empty.
    """

    def query(
        self, sql: bytes | str, output_format: str = ..., *, params: Mapping[str, str] = ...
    ) -> Result: ...
    def send_query(
        self, sql: bytes, output_format: str, *, params: Mapping[str, str]
    ) -> object: ...
    def streaming_fetch_result(self, stream: object) -> Result: ...
    def streaming_cancel_query(self, stream: object) -> None: ...
    def send_insert(self, statement: bytes, input_format: str) -> object: ...
    def insert_append(self, insert: object, data: bytes) -> None: ...
    def insert_done(self, insert: object) -> Result: ...
    def insert_cancel(self, insert: object) -> None: ...
    def classify_query(self, sql: bytes) -> dict[str, Any]: ...
    def close(self) -> None: ...


class DirectoryUnavailableError(Exception):
    """The data directory cannot be opened; the message names it and the remedy."""


class Engine:
    """The engine on one directory; this process owns the directory until it ends.

    Raises DirectoryUnavailableError when another process owns it, or when it cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        self._path = _usable(directory)
        try:
            # Closing the last handle would stop the engine, so this one stays open.
            self._spare = self.connect()
        except StatementError as error:
            raise _unavailable(directory, error) from error
        first = self._spare.query("SELECT version(), timezone()", "TabSeparated")
        self.version, self.timezone = first.bytes().decode().split()

    def connect(self) -> Connection:
        """Open one more handle (0.2 ms, 0.1 MB)."""
        # Starts an engine in memory on import, so it is not imported before it is needed.
        from chdb import _chdb

        with engine_errors():
            return cast("Connection", vars(_chdb)["connect"](self._path))

    def close(self) -> None:
        self._spare.close()


def _usable(directory: Path) -> str:
    path = str(directory.resolve())
    if "?" in path:
        raise DirectoryUnavailableError(
            f"{path}: the engine reads what follows a '?' as options; choose a path without one"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DirectoryUnavailableError(
            f"{path}: {error.strerror}; choose a directory that this user can write"
        ) from error
    return path


def _unavailable(directory: Path, error: StatementError) -> DirectoryUnavailableError:
    owner = _owner(directory / "status")
    if owner is None:
        return DirectoryUnavailableError(f"{directory}: the engine cannot open it: {error.text}")
    return DirectoryUnavailableError(
        f"{directory}: in use by process {owner}; one process owns a data directory: stop that one,"
        " use its port, or choose another directory"
    )


def _owner(status_file: Path) -> str | None:
    """The process id that holds the engine's lock on its status file, or None."""
    try:
        with status_file.open() as status:
            try:
                fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return status.readline().removeprefix("PID:").strip() or "(unknown)"
    except OSError as error:
        logger.debug("no status file to read: %s", error)
    return None
