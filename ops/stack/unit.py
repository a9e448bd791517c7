"""One part or role under supervision: a thread that starts it, watches it, starts it again."""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ops.stack.child import Child, Launch
from ops.stack.directory import DataDirectory, tail
from ops.stack.errors import NotReadyError, PartError
from ops.stack.parts import Part, await_ready, ending
from ops.stack.state import State, UnitState

RESTART_PAUSE_SECONDS_MIN = 0.2
RESTART_PAUSE_SECONDS_MAX = 10.0
# After this long in health, the next death is news, not the same trouble again.
HEALTHY_SECONDS = 30.0
# A part that has never been ready and has died this often will not be by trying again.
START_ATTEMPTS_MAX = 3
WATCH_PAUSE_SECONDS = 0.1
# A ready part is asked this often whether it still answers. Once may be a hiccup, twice is told.
CHECK_EVERY_SECONDS = 5.0
SILENCES_MAX = 1
AFTER_PAUSE_SECONDS = 0.05


def now() -> str:
    """Return the present instant as RFC 3339 text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Unit(threading.Thread):
    """Keeps one part alive until it is told to stop; the thread ends after its child.

    `settled` is set when the part is ready for the first time, or never will be. `failure` is why
    it was given up, then or later. `preparing` is set while there is nothing to stop yet.
    """

    def __init__(
        self,
        part: Part,
        kind: str,
        directory: DataDirectory,
        on_change: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name=part.name, daemon=True)
        self.part = part
        self.state = UnitState(name=part.name, kind=kind, state=State.STARTING, since=now())
        self.settled = threading.Event()
        self.preparing = threading.Event()
        self.failure: Exception | None = None
        self._directory = directory
        self._on_change = on_change
        self._say = say
        self._stopping = threading.Event()
        self._others: Mapping[str, Unit] = {}

    def begin(self, others: Mapping[str, "Unit"]) -> None:
        """Start the thread; `others` are the units that `part.after` may name."""
        self._others = others
        self.start()

    def ask_to_stop(self) -> None:
        """Begin to stop; returns at once. `join` waits, no longer than its farewell and a kill."""
        self._stopping.set()

    def run(self) -> None:
        try:
            self._await_others()
            if not self._stopping.is_set():
                self._keep_alive(self._prepare())
        # The thread ends here; the supervisor looks for a failure and raises it.
        except Exception as error:  # noqa: BLE001
            self.failure = error
        finally:
            try:
                self._change(State.STOPPED, pid=None, started=None)
            finally:
                self.settled.set()

    def _prepare(self) -> Launch:
        self.preparing.set()
        try:
            return self.part.prepare(self._directory)
        finally:
            self.preparing.clear()

    def _await_others(self) -> None:
        for name in self.part.after:
            while not self._stopping.is_set() and not self._others[name].settled.is_set():
                time.sleep(AFTER_PAUSE_SECONDS)
            if self._others[name].failure is not None:
                raise PartError(self.part.name, f"not started, since {name} was not")

    def _keep_alive(self, launch: Launch) -> None:
        deaths = 0
        while not self._stopping.is_set():
            seconds_ready, trouble = self._live_once(launch)
            if self._stopping.is_set():
                return
            deaths = 1 if seconds_ready > HEALTHY_SECONDS else deaths + 1
            if not self.settled.is_set() and deaths >= START_ATTEMPTS_MAX:
                raise trouble
            pause = min(RESTART_PAUSE_SECONDS_MIN * 2 ** (deaths - 1), RESTART_PAUSE_SECONDS_MAX)
            self._change(State.RESTARTING, pid=None, started=None, restarts=self.state.restarts + 1)
            self._say(f"{trouble}\n  starting {self.part.name} again in {pause:.1f} s")
            self._stopping.wait(pause)

    def _live_once(self, launch: Launch) -> tuple[float, PartError]:
        """Run one child from its start to its end: how long it was ready, and how it ended."""
        log = self._directory.log(self.part.name)
        try:
            child = Child(launch, log)
        except OSError as error:
            return 0.0, PartError(self.part.name, f"cannot be started: {error}")
        try:
            identity = child.identity
            self._change(
                self.state.state,
                pid=child.pid,
                started=identity.started if identity else None,
                farewell=int(signal.Signals(launch.farewell)),
                address=launch.address or None,
            )
            await_ready(self.part, launch, child, log, self._stopping.is_set)
            ready_at = time.monotonic()
            if not self._stopping.is_set():
                self._change(State.READY)
                self.settled.set()
            self._watch(launch, child)
        except PartError as trouble:
            return 0.0, trouble
        finally:
            child.stop()
        how = ending(child.exit_code() or 0)
        died = PartError(self.part.name, f"{how}; {log} ends with", tail(log))
        return time.monotonic() - ready_at, died

    def _watch(self, launch: Launch, child: Child) -> None:
        """Until the child ends or is to stop. One that does not answer is shown, never killed: it
        may be at work on what its store must replay or merge.
        """
        silences = 0
        next_check = time.monotonic() + CHECK_EVERY_SECONDS
        while child.exit_code() is None and not self._stopping.wait(WATCH_PAUSE_SECONDS):
            if time.monotonic() < next_check:
                continue
            try:
                self.part.check(launch.asked_at)
            except NotReadyError as error:
                silences += 1
                if silences > SILENCES_MAX and self.state.state is State.READY:
                    self._change(State.UNRESPONSIVE)
                    self._say(f"{self.part.name} does not answer: {error.reason}")
            else:
                silences = 0
                if self.state.state is State.UNRESPONSIVE:
                    self._change(State.READY)
                    self._say(f"{self.part.name} answers again")
            next_check = time.monotonic() + CHECK_EVERY_SECONDS

    def _change(self, state: State, **fields: float | str | None) -> None:
        since = self.state.since if state is self.state.state else now()
        self.state = replace(self.state, state=state, since=since, **fields)  # type: ignore[arg-type]
        self._on_change()
