"""How a person watches the stack: a live table on a terminal, plain lines anywhere else."""

import threading
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ops.stack.state import State, UnitState

COLOURS = {
    State.STARTING: "yellow",
    State.READY: "green",
    State.UNRESPONSIVE: "red",
    State.RESTARTING: "red",
    State.STOPPED: "dim",
    State.EXTERNAL: "cyan",
}
REFRESHES_PER_SECOND = 10


class PlainAnnouncer:
    """One line for each part that gets ready, starts again or stops."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[str, State] = {}
        self._lock = threading.Lock()

    def changed(self, units: Sequence[UnitState]) -> None:
        with self._lock:
            for unit in units:
                if self._seen.get(unit.name) is not unit.state:
                    self._seen[unit.name] = unit.state
                    self.say(f"{unit.name}: {unit.state}")

    def say(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)


class LiveAnnouncer:
    """A table that is redrawn until `settle` leaves its last look on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._units: Sequence[UnitState] = ()
        self._spinner = Spinner("dots")
        self._settled = False
        self._live = Live(
            console=console,
            get_renderable=self._table,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()

    def changed(self, units: Sequence[UnitState]) -> None:
        self._units = units

    def say(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def settle(self) -> None:
        """Stop redrawing; what happens later is said in lines."""
        if not self._settled:
            self._settled = True
            self._live.stop()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for unit in self._units:
            busy = unit.state in {State.STARTING, State.RESTARTING}
            mark = self._spinner if busy else Text("●", style=COLOURS[unit.state])
            table.add_row(mark, unit.name, Text(unit.state, style=COLOURS[unit.state]))
        return table
