"""The data directory: who may read it, who holds it, what it remembers."""

import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ops.stack import ports
from ops.stack.errors import DirectoryBusyError, DirectoryError

OWNER_ONLY_DIRECTORY = 0o700
OWNER_ONLY_FILE = 0o600
SECRET_BYTES = 32
PERSONAL = "personal"
LOG_BYTES_MAX = 16 * 1024 * 1024
LOG_FILES_KEPT = 3
# Somebody who only asks for the holder has the lock for an instant.
LOCK_ATTEMPTS = 5
LOCK_PAUSE_SECONDS = 0.05
TAIL_BYTES = 8_192
TAIL_LINES = 12

# One process's parts are prepared side by side, and remember their ports in one file.
_remembering = threading.Lock()


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by its owner only: a reader sees the old or the new."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_once(path: Path, content: bytes) -> None:
    """Write a file whole, readable by its owner only; whoever was first has written it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    write_atomically(beside, content)
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDirectory:
    """Everything one stack keeps. `root` is absolute; nothing in it is readable by others."""

    root: Path
    logs: Path = field(init=False)
    run: Path = field(init=False)
    secrets: Path = field(init=False)
    _ports: dict[str, int] = field(init=False, default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        root = self.root.expanduser().absolute()
        object.__setattr__(self, "root", root)
        for name in ("logs", "run", "secrets"):
            object.__setattr__(self, name, root / name)

    def create(self) -> None:
        """Make the directory and its fixed parts, owner-only. Raises DirectoryError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for directory in (self.root, self.logs, self.run, self.secrets):
                directory.mkdir(exist_ok=True)
                directory.chmod(OWNER_ONLY_DIRECTORY)
        except OSError as error:
            raise DirectoryError(
                self.root, f"cannot be used ({error.strerror}). Choose another one with --data"
            ) from error

    def part(self, name: str) -> Path:
        """Return the existing, owner-only directory of one part."""
        directory = self.root / name
        directory.mkdir(exist_ok=True)
        directory.chmod(OWNER_ONLY_DIRECTORY)
        return directory

    def secret(self, name: str) -> str:
        """Return the secret of that name, made of 256 random bits when it is asked for first."""
        path = self.secrets / name
        if not path.exists():
            self.create()
            write_atomically(path, secrets.token_urlsafe(SECRET_BYTES).encode())
        return path.read_text().strip()

    @property
    def personal(self) -> Path:
        """What opens personal data, and who was forgotten: a directory that no backup holds."""
        self.create()
        return self.part(PERSONAL)

    def personal_secret(self) -> str:
        """Return the secret that wraps the keys of personal data, made when it is asked for first.

        Lost, it cannot be made again, and no name or address opens any more.
        """
        path = self.personal / "wrapping-key"
        if not path.exists():
            write_once(path, secrets.token_urlsafe(SECRET_BYTES).encode())
        return path.read_text().strip()

    def port(self, name: str) -> int:
        """Return the port remembered under `name`, or a new one when it is taken meanwhile.

        While the directory is held the answer stays, also when the port is in use by its owner.
        """
        path = self.run / "ports.json"
        with _remembering:
            if name not in self._ports:
                remembered: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
                port = remembered.get(name)
                if port is None or not ports.is_free(port):
                    port = ports.choose(remembered.values())
                    write_atomically(path, json.dumps(remembered | {name: port}).encode())
                self._ports[name] = port
            return self._ports[name]

    def remembered_port(self, name: str) -> int:
        """Return the port that `port` gave last, whoever listens there now."""
        ports_by_name: dict[str, int] = json.loads((self.run / "ports.json").read_text())
        return ports_by_name[name]

    def log(self, name: str) -> Path:
        """Return the path of a part's log file, made owner-only; a big one is put aside first."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            for number in range(LOG_FILES_KEPT - 1, 0, -1):
                older = self.logs / f"{name}.log.{number}"
                if older.exists():
                    older.replace(self.logs / f"{name}.log.{number + 1}")
            path.replace(self.logs / f"{name}.log.1")
        path.touch(mode=OWNER_ONLY_FILE)
        path.chmod(OWNER_ONLY_FILE)
        return path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory against every other process; the kernel lets go when we die.

        Raises DirectoryBusyError at once when it is held.
        """
        self.create()
        with (self.run / "lock").open("a+") as lock:
            if not any(_locked(lock) for _ in range(LOCK_ATTEMPTS)):
                raise DirectoryBusyError(self.root, self.holder())
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._ports.clear()
            yield

    def holder(self) -> int | None:
        """Return the id of the process that holds the directory; None when nobody does."""
        path = self.run / "lock"
        if not path.exists():
            return None
        with path.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                return int(lock.read() or 0) or None
        return None


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(LOCK_PAUSE_SECONDS)
        return False
    return True


def tail(path: Path) -> list[str]:
    """Return the last lines of a log file, none when there is no such file."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()][-TAIL_LINES:]
