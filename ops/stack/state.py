"""What the supervisor writes down in run/stack.json, and what others may conclude from it."""

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from ops.stack.child import Identity, end
from ops.stack.directory import DataDirectory, write_atomically
from ops.stack.errors import NotRunningError

FILE = "stack.json"
STALE_FAREWELL_SECONDS = 15.0


class State(StrEnum):
    """Of one part or role. EXTERNAL: reached by an address from outside, never ours to stop.

    UNRESPONSIVE: it was ready and lives, but does not answer now; it is left alone.
    """

    STARTING = "starting"
    READY = "ready"
    UNRESPONSIVE = "unresponsive"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    EXTERNAL = "external"


class Phase(StrEnum):
    """Of the whole stack."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """One part or role. `since` is when it came into its state (RFC 3339, UTC).

    `started` is the process's start time in seconds since 1970, `farewell` the number of the
    signal that ends it cleanly.
    """

    name: str
    kind: str
    state: State
    since: str
    pid: int | None = None
    started: float | None = None
    farewell: int = int(signal.SIGTERM)
    address: str | None = None
    restarts: int = 0

    def identity(self) -> Identity | None:
        """Return which process it was, None when it had none."""
        if self.pid is None or self.started is None:
            return None
        return Identity(pid=self.pid, started=self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """The whole stack; `facts` are what the roles let callers know (api, api_key)."""

    phase: Phase
    since: str
    supervisor: Identity
    units: Sequence[UnitState] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    started_in_seconds: float | None = None
    error: str | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Address of each part by its name."""
        parts = (unit for unit in self.units if unit.kind == "part")
        return {unit.name: unit.address for unit in parts if unit.address is not None}

    def write(self, directory: DataDirectory) -> None:
        write_atomically(directory.run / FILE, json.dumps(asdict(self), indent=2).encode())

    @classmethod
    def read(cls, directory: DataDirectory) -> Self | None:
        """Return the state last written, None when no stack has ever run here."""
        path = directory.run / FILE
        if not path.exists():
            return None
        fields = json.loads(path.read_text())
        units = tuple(
            UnitState(**(unit | {"state": State(unit["state"])})) for unit in fields["units"]
        )
        return cls(
            **fields
            | {
                "phase": Phase(fields["phase"]),
                "supervisor": Identity(**fields["supervisor"]),
                "units": units,
            }
        )

    @classmethod
    def running(cls, directory: DataDirectory) -> Self:
        """Return the state of the stack that runs here now. Raises NotRunningError."""
        state = cls.read(directory)
        if state is None or directory.holder() != state.supervisor.pid:
            raise NotRunningError(directory.root)
        return state


def end_stale_children(directory: DataDirectory) -> list[str]:
    """End what a supervisor that was killed has left behind; return the names of what was alive.

    To be called while the directory is held: then no supervisor is alive to own them.
    """
    state = StackState.read(directory)
    ended = []
    for unit in reversed(state.units if state else ()):
        identity = unit.identity()
        farewell = signal.Signals(unit.farewell)
        if identity is not None and end(identity, farewell, STALE_FAREWELL_SECONDS):
            ended.append(unit.name)
    return ended
