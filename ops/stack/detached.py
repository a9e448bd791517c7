"""A stack in the background: start its supervisor and wait for it, find it again, stop it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from ops.stack.directory import DataDirectory, tail
from ops.stack.errors import DirectoryBusyError, DirectoryError, NotRunningError, PartError
from ops.stack.progress import LiveAnnouncer, PlainAnnouncer
from ops.stack.state import Phase, StackState, end_stale_children
from ops.stack.supervisor import Announcer

POLL_SECONDS = 0.05
STOP_SECONDS_MAX = 120.0
PACKAGES = Path(__file__).parents[2]
LOG = "supervisor"


def start_detached(directory: DataDirectory, console: Console) -> tuple[StackState, float]:
    """Start a stack that outlives us, wait until it is ready; return its state and the seconds.

    A stack that runs already is waited for in the same way. Raises PartError with the
    supervisor's last words when it ends instead.
    """
    began = time.monotonic()
    directory.create()
    supervisor = None
    if directory.holder() is None:
        supervisor = _spawn(directory)
    try:
        if not console.is_terminal:
            state = _await_ready(directory, supervisor, PlainAnnouncer(console))
        else:
            with LiveAnnouncer(console) as live:
                state = _await_ready(directory, supervisor, live)
    except KeyboardInterrupt:
        if supervisor is not None:
            supervisor.terminate()
        raise
    return state, round(time.monotonic() - began, 3)


def _spawn(directory: DataDirectory) -> subprocess.Popen[bytes]:
    with directory.log(LOG).open("ab") as log:
        return subprocess.Popen(
            (sys.executable, "-m", "ops.main", "up", "--data", str(directory.root)),
            cwd=directory.root,
            env=dict(os.environ) | {"PYTHONPATH": str(PACKAGES)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )


def _await_ready(
    directory: DataDirectory, supervisor: subprocess.Popen[bytes] | None, announcer: Announcer
) -> StackState:
    """Watch the state file until it says ready; the supervisor bounds how long that may take."""
    while True:
        ended = supervisor.poll() is not None if supervisor else directory.holder() is None
        state = StackState.read(directory)
        expected = supervisor.pid if supervisor else directory.holder()
        if state is not None and state.supervisor.pid == expected:
            announcer.changed(state.units)
            if state.phase is Phase.READY and not ended:
                return state
            if state.phase is Phase.FAILED:
                raise PartError("the stack", f"could not be started: {state.error}")
        if ended:
            log = directory.log(LOG)
            raise PartError("the stack", f"ended while starting; {log} ends with", tail(log))
        time.sleep(POLL_SECONDS)


def stop_detached(directory: DataDirectory) -> bool:
    """Stop the stack of a data directory and wait; return whether one was running.

    What a killed supervisor has left behind is ended too. Raises DirectoryError when it does not
    stop within STOP_SECONDS_MAX, DirectoryBusyError when something else holds the directory.
    """
    if not directory.root.exists():
        return False
    try:
        state = StackState.running(directory)
    except NotRunningError:
        holder = directory.holder()
        if holder is not None:
            raise DirectoryBusyError(directory.root, holder) from None
        with directory.held():
            return bool(end_stale_children(directory))
    os.kill(state.supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while directory.holder() == state.supervisor.pid:
        if time.monotonic() > deadline:
            raise DirectoryError(
                directory.root,
                f"process {state.supervisor.pid} has not stopped within {STOP_SECONDS_MAX:.0f} s. "
                "Kill it; its children end with it, and the next start recovers",
            )
        time.sleep(POLL_SECONDS)
    return True
