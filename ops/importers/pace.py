"""Flow control: an importer never runs further ahead of the slowest read model than it may."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from api.client import Client

# Three bulks: about a second's work for the slowest read model on two cores. With two of them the
# cores were idle for a third of the time.
AHEAD_EVENTS_MAX = 9_000
# To be asked costs those who do the work; to ask too seldom leaves them without any.
WAIT_SECONDS = 0.05
STALLED_SECONDS_MAX = 120.0


class StalledError(Exception):
    """A read model did not move: importing further would only pile up work for it."""

    def __init__(self, position: int, slowest: int) -> None:
        super().__init__(
            f"the slowest read model stands at {slowest}, {position - slowest:,} events behind;"
            f" it has not moved for {STALLED_SECONDS_MAX:.0f} s: see `backstock status`, run again"
        )


class Pace:
    def __init__(
        self, client: Client, ledger: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._sleep = sleep
        self._slowest = 0

    def keep(self, position: int | None) -> None:
        """Return once the slowest read model is within AHEAD_EVENTS_MAX of `position`.

        Raises StalledError.
        """
        moved_at = time.monotonic()
        while position is not None and position - self._slowest > AHEAD_EVENTS_MAX:
            before = self._slowest
            self._slowest = self._position()
            if self._slowest > before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > STALLED_SECONDS_MAX:
                raise StalledError(position, self._slowest)
            else:
                self._sleep(WAIT_SECONDS)

    def _position(self) -> int:
        answer: Any = self._client.read_models(ledger=self._ledger)
        return min(int(model["position"]) for model in answer["read_models"])
