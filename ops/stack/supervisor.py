"""The supervisor: parts side by side, then the migrations, then the roles; back in reverse."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ops.stack.child import Identity
from ops.stack.directory import DataDirectory
from ops.stack.errors import NotReadyError, PartError
from ops.stack.parts import Part
from ops.stack.state import Phase, StackState, State, UnitState, end_stale_children
from ops.stack.unit import Unit, now

EXTERNAL_SECONDS_MAX = 10.0
PAUSE_SECONDS = 0.1
WATCH_SECONDS = 1.0


class Announcer(Protocol):
    """Tells a person what happens. Called from several threads; must not block."""

    def changed(self, units: Sequence[UnitState]) -> None:
        """Some part or role is in another state now."""

    def say(self, message: str) -> None:
        """Something happened that the person should read."""


def _no_migration(_addresses: Mapping[str, str], _directory: DataDirectory) -> None:
    pass


def _no_roles(_addresses: Mapping[str, str], _directory: DataDirectory) -> Sequence[Part]:
    return ()


def _no_facts(_addresses: Mapping[str, str], _directory: DataDirectory) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What a stack consists of; its functions get the parts' addresses by name.

    A part named in `external` is reached at that address and not started. `migrate` runs when all
    parts are ready, then `roles` are started, and `facts` are what callers learn at the end.
    """

    parts: Sequence[Part]
    external: Mapping[str, str] = field(default_factory=dict)
    migrate: Callable[[Mapping[str, str], DataDirectory], None] = _no_migration
    roles: Callable[[Mapping[str, str], DataDirectory], Sequence[Part]] = _no_roles
    facts: Callable[[Mapping[str, str], DataDirectory], Mapping[str, Any]] = _no_facts


class Supervisor:
    """Runs one composition in one data directory until `stopping` is set."""

    def __init__(
        self,
        directory: DataDirectory,
        composition: Composition,
        announcer: Announcer,
        stopping: threading.Event,
    ) -> None:
        self._directory = directory
        self._composition = composition
        self._announcer = announcer
        self._stopping = stopping
        self._began = time.monotonic()
        self._phase = Phase.STARTING
        self._since = now()
        self._external: list[UnitState] = []
        self._units: list[Unit] = []
        self._facts: Mapping[str, Any] = {}
        self._started_in_seconds: float | None = None
        self._error: str | None = None
        self._identity = Identity.of(os.getpid())
        self._writing = threading.Lock()

    def run(self, on_ready: Callable[[StackState], None]) -> None:
        """Start everything, call `on_ready`, keep it alive, stop it when asked to.

        Raises DirectoryBusyError when a stack runs here already, StackError or OSError when
        something cannot be started; whatever had been started is stopped then.
        """
        with self._directory.held():
            for name in end_stale_children(self._directory):
                self._announcer.say(f"{name}: ended a process that an earlier stack left behind")
            try:
                self._start()
                if not self._stopping.is_set():
                    on_ready(self._state())
                while not self._stopping.wait(WATCH_SECONDS):
                    self._raise_failure(self._units)
            except Exception as error:
                self._error = str(error)
                raise
            finally:
                self._stop()

    def _start(self) -> None:
        self._enter(Phase.STARTING)
        external = self._composition.external
        for part in self._composition.parts:
            if part.name in external:
                self._reach(part, external[part.name])
        self._begin("part", [part for part in self._composition.parts if part.name not in external])
        addresses = self._state().addresses
        if self._stopping.is_set():
            return
        self._composition.migrate(addresses, self._directory)
        self._begin("role", self._composition.roles(addresses, self._directory))
        if self._stopping.is_set():
            return
        self._facts = self._composition.facts(addresses, self._directory)
        self._started_in_seconds = round(time.monotonic() - self._began, 3)
        self._enter(Phase.READY)

    def _reach(self, part: Part, address: str) -> None:
        deadline = time.monotonic() + EXTERNAL_SECONDS_MAX
        while True:
            try:
                part.check(address)
                break
            except NotReadyError as error:
                if time.monotonic() > deadline:
                    reason = f"does not answer at the address it was given: {error.reason}"
                    raise PartError(part.name, reason) from error
                time.sleep(PAUSE_SECONDS)
        self._external.append(
            UnitState(
                name=part.name, kind="part", state=State.EXTERNAL, since=now(), address=address
            )
        )
        self._publish()

    def _begin(self, kind: str, parts: Sequence[Part]) -> None:
        """Start the parts and return when all are ready; raise what kept one from it."""
        say = self._announcer.say
        units = [Unit(part, kind, self._directory, self._publish, say) for part in parts]
        self._units.extend(units)
        by_name = {unit.name: unit for unit in units}
        for unit in units:
            unit.begin(by_name)
        while not self._stopping.is_set():
            self._raise_failure(units)
            if all(unit.settled.is_set() for unit in units):
                return
            time.sleep(PAUSE_SECONDS)

    def _raise_failure(self, units: Sequence[Unit]) -> None:
        for unit in units:
            if unit.failure is not None:
                raise unit.failure

    def _stop(self) -> None:
        """Stop the roles, then what they stand on."""
        self._announcer.say("stopping")
        self._enter(Phase.STOPPING)
        for kind in ("role", "part"):
            units = [unit for unit in reversed(self._units) if unit.state.kind == kind]
            for unit in units:
                unit.ask_to_stop()
            for unit in units:
                # What is still fetching or initialising has no child, and starts over next time.
                if not unit.preparing.is_set():
                    unit.join()
        self._enter(Phase.STOPPED if self._error is None else Phase.FAILED)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = now()
        self._publish()

    def _publish(self) -> None:
        with self._writing:
            state = self._state()
            try:
                state.write(self._directory)
            except OSError as error:
                # The file only informs: a full disk must not end what still runs.
                self._announcer.say(f"the state file cannot be written: {error}")
            self._announcer.changed(state.units)

    def _state(self) -> StackState:
        assert self._identity is not None
        return StackState(
            phase=self._phase,
            since=self._since,
            supervisor=self._identity,
            units=(*self._external, *(unit.state for unit in self._units)),
            facts=self._facts,
            started_in_seconds=self._started_in_seconds,
            error=self._error,
        )
