"""What a part is, and how to run one by itself (tests do)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ops.stack.child import Child, Launch
from ops.stack.directory import DataDirectory, tail
from ops.stack.errors import NotReadyError, PartError

# A store that was killed replays its log before it answers; a start that takes longer is stuck.
READY_SECONDS_MAX = 300.0
CHECK_PAUSE_SECONDS = 0.05


class Part(Protocol):
    """A server that the stack runs as a child, or reaches by an address given from outside."""

    @property
    def name(self) -> str:
        """Its name in messages, logs and the state file."""

    @property
    def after(self) -> tuple[str, ...]:
        """Names of what must be ready before it starts."""

    def prepare(self, directory: DataDirectory) -> Launch:
        """Make its data and configuration ready and return how to start it.

        Repeatable, also after dying half-way. May block for seconds (the first start fetches and
        initialises). Raises PartError, JarError or OSError with nothing half-made in place.
        """

    def check(self, address: str) -> None:
        """Return when it answers at the address, within health.CHECK_SECONDS_MAX.

        Raises NotReadyError when it does not, saying what it said.
        """


@contextmanager
def running(part: Part, root: Path) -> Iterator[str]:
    """Run one part in a directory of its own, yield its address, stop it at the end."""
    directory = DataDirectory(root=root)
    with directory.held():
        launch = part.prepare(directory)
        log = directory.log(part.name)
        child = Child(launch, log)
        try:
            await_ready(part, launch, child, log, lambda: False)
            yield launch.address
        finally:
            child.stop()


def await_ready(
    part: Part, launch: Launch, child: Child, log: Path, abandoned: Callable[[], bool]
) -> None:
    """Return when the part answers or the wait is abandoned.

    Raises PartError with the last lines of its log when it has died or READY_SECONDS_MAX are over.
    """
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not abandoned():
        code = child.exit_code()
        if code is not None:
            raise PartError(part.name, f"{ending(code)} while starting; {log} ends with", tail(log))
        try:
            part.check(launch.asked_at)
        except NotReadyError as error:
            if time.monotonic() > deadline:
                reason = f"not ready after {READY_SECONDS_MAX:.0f} s ({error.reason}); {log} ends"
                raise PartError(part.name, reason, tail(log)) from error
            time.sleep(CHECK_PAUSE_SECONDS)
        else:
            return


def ending(code: int) -> str:
    """Return how a process ended, in words."""
    return f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
