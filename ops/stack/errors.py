"""Faults of the embedded stack; each sentence says what to do.

StackError
├── DirectoryError          the data directory cannot be used as asked
│   ├── DirectoryBusyError  another process runs on it
│   └── NotRunningError     nothing runs on it, though the command needs a running stack
├── PartError               a part cannot be prepared, started or reached
│   └── NotReadyError       it does not answer yet: ask again
├── JarError                a jar is missing, or not the one that is pinned
└── BackupError             a backup cannot be written, or must not be trusted
"""

from collections.abc import Sequence
from pathlib import Path


class StackError(Exception):
    """Root of the stack's faults; the command line prints it and exits with 1."""


class DirectoryError(StackError):
    """The data directory cannot be used as asked."""

    def __init__(self, directory: Path, reason: str) -> None:
        self.directory = directory
        self.reason = reason
        super().__init__(f"{directory}: {reason}")


class DirectoryBusyError(DirectoryError):
    """Another process holds the data directory; `pid` is None when it has not said who it is."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        self.pid = pid
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            directory,
            f"in use by {holder}. See `backstock status`, stop it with `backstock down`, "
            "or choose another directory with --data",
        )


class NotRunningError(DirectoryError):
    """No stack runs on the data directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "no stack is running here. Start one with `backstock up`")


class PartError(StackError):
    """A part or role cannot be prepared, started or reached."""

    def __init__(self, part: str, reason: str, log_tail: Sequence[str] = ()) -> None:
        self.part = part
        self.reason = reason
        self.log_tail = tuple(log_tail)
        tail = "".join(f"\n    {line}" for line in self.log_tail)
        super().__init__(f"{part}: {reason}{tail}")


class NotReadyError(PartError):
    """The part does not answer yet."""


class JarError(StackError):
    """A jar of Kafka is missing, or not the one that is pinned."""

    def __init__(self, jar: str, reason: str) -> None:
        self.jar = jar
        self.reason = reason
        super().__init__(f"{jar}: {reason}")


class BackupError(StackError):
    """A backup cannot be written, or must not be trusted."""

    def __init__(self, archive: Path, reason: str) -> None:
        self.archive = archive
        self.reason = reason
        super().__init__(f"{archive}: {reason}")
