"""A supervisor in a thread of a test, and what it has said."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ops.stack.directory import DataDirectory
from ops.stack.errors import StackError
from ops.stack.state import StackState, UnitState
from ops.stack.supervisor import Composition, Supervisor

# The first start on a machine fetches Kafka.
START_SECONDS_MAX = 240.0


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass(slots=True)
class Notes:
    """An announcer that remembers what was said."""

    said: list[str] = field(default_factory=list)

    def changed(self, units: Sequence[UnitState]) -> None:
        pass

    def say(self, message: str) -> None:
        self.said.append(message)


@dataclass(slots=True)
class Stack:
    directory: DataDirectory
    notes: Notes
    ready: threading.Event
    failures: list[Exception]

    def unit(self, name: str) -> UnitState:
        state = StackState.read(self.directory)
        assert state is not None
        return next(unit for unit in state.units if unit.name == name)


@contextmanager
def supervised(root: Path, composition: Composition) -> Iterator[Stack]:
    stopping = threading.Event()
    stack = Stack(DataDirectory(root=root), Notes(), threading.Event(), [])

    def run() -> None:
        try:
            supervisor = Supervisor(stack.directory, composition, stack.notes, stopping)
            supervisor.run(lambda _state: stack.ready.set())
        except (StackError, OSError) as error:
            stack.failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert eventually(lambda: stack.ready.is_set() or not thread.is_alive(), START_SECONDS_MAX)
        yield stack
    finally:
        stopping.set()
        thread.join(30)
        assert not thread.is_alive()
