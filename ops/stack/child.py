"""One child process: started through the shim, known by pid and start time, ended for certain."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

SHIM = Path(__file__).with_name("shim.py")
KILL_SECONDS_MAX = 5.0
POLL_SECONDS = 0.02
# Start times come from the boot time, which moves a little when the clock is set.
START_TIME_TOLERANCE_SECONDS = 2.0
# What a part may see of our environment: nothing that changes what it does or where it writes.
PART_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a child, and where it answers then (by default: in its ready file).

    `user` is (uid, gid) to run as; `farewell` the signal that asks it to stop; it is killed after
    `farewell_seconds`. The kernel sends `orphaned` should the supervisor die without a word.
    `ready_file` is removed before the start, so that its presence is this life's own sign.
    """

    argv: Sequence[str]
    cwd: Path
    address: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: tuple[int, int] | None = None
    ready_file: Path | None = None
    farewell: signal.Signals = signal.SIGTERM
    farewell_seconds: float = 10.0
    orphaned: signal.Signals = signal.SIGKILL

    @property
    def asked_at(self) -> str:
        """What its health check is given."""
        return self.address or str(self.ready_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process for as long as it lives: a pid alone may be somebody else's tomorrow."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the identity of a living process, None when there is none (or only a zombie)."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid=pid, started=process.create_time())
        except psutil.NoSuchProcess:
            return None

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        now = Identity.of(self.pid)
        return now is not None and abs(now.started - self.started) < START_TIME_TOLERANCE_SECONDS


class Child:
    """A running child. The thread that starts it must outlive it (see the shim)."""

    def __init__(self, launch: Launch, log: Path) -> None:
        if launch.ready_file is not None:
            launch.ready_file.unlink(missing_ok=True)
        uid, gid = launch.user or (os.getuid(), os.getgid())
        shim = (sys.executable, "-I", "-S", str(SHIM))
        ties = (os.getpid(), int(launch.orphaned), uid, gid)
        with log.open("ab") as output:
            # Own session: Ctrl-C reaches only the supervisor, which stops its children in order.
            self._process = subprocess.Popen(
                (*shim, *map(str, ties), "--", *launch.argv),
                cwd=launch.cwd,
                env=part_environment() | dict(launch.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._launch = launch
        self.identity = Identity.of(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, minus the signal's number when killed, None while it runs.

        Whatever else was left in its process group is killed with it.
        """
        if self._process.returncode is None and self._has_ended():
            # Not yet waited for: until then nobody else can get this process group's number.
            self._kill_group()
            self._process.wait(KILL_SECONDS_MAX)
        return self._process.returncode

    def ask_to_stop(self) -> None:
        """Send the farewell signal; returns at once."""
        self._process.send_signal(self._launch.farewell)

    def stop(self) -> None:
        """End it: ask, wait `farewell_seconds`, then kill it with whatever it has started."""
        if self.exit_code() is not None:
            return
        self.ask_to_stop()
        deadline = time.monotonic() + self._launch.farewell_seconds
        while time.monotonic() < deadline:
            if self.exit_code() is not None:
                return
            time.sleep(POLL_SECONDS)
        self._kill_group()
        self._process.wait(KILL_SECONDS_MAX)

    def _has_ended(self) -> bool:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def part_environment() -> dict[str, str]:
    """Return the environment of every child: ours, less what could change a part's behaviour."""
    ours = {name: os.environ[name] for name in PART_ENVIRONMENT if name in os.environ}
    return ours | {"LANG": "C.UTF-8", "TZ": "UTC"}


def end(identity: Identity, farewell: signal.Signals, seconds: float) -> bool:
    """End a process that is not our child: ask, wait, kill. Return whether it was alive."""
    if not identity.is_alive():
        return False
    process = psutil.Process(identity.pid)
    with suppress(psutil.NoSuchProcess):
        process.send_signal(farewell)
    with suppress(psutil.TimeoutExpired):
        process.wait(seconds)
    if identity.is_alive():
        # Children lead their own process group.
        with suppress(ProcessLookupError):
            os.killpg(identity.pid, signal.SIGKILL)
        with suppress(psutil.TimeoutExpired):
            process.wait(KILL_SECONDS_MAX)
    return True
