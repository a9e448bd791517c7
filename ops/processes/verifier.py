"""The verifier as a process: samples of every fed read model, for as long as the stack is up.

It must cost the others nothing that they notice: it runs behind them (nice), begins when they have
begun, and its rounds are few and bounded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from random import Random
from typing import Any, Final

import structlog

from ops.processes.lifecycle import calm_collector, log_to_stderr, stop_event
from ops.sampling_metrics import served
from ops.settings import Settings

NICENESS: Final = 15
# A stack that starts needs its cores for the others, and has nothing to compare yet.
FIRST_SECONDS: Final = 10.0
log = structlog.get_logger()


def run(settings: Settings, *, port: int, every: float, streams: int) -> None:
    """Sample until told to stop. A wrong cell is logged once, and shown by the metrics until it is
    right. Raises `PortTakenError`, `StackError`.
    """
    log_to_stderr()
    os.nice(NICENESS)
    stop = stop_event()
    with served(port) as metrics:
        if stop.wait(min(every, FIRST_SECONDS)):
            return
        # Only now: the stores' drivers take longer to import than all before.
        from ops.sampling import Sampling

        calm_collector()
        sampling = Sampling(settings=settings, every=every, streams=streams, metrics=metrics)
        sampling.run(stop=stop, tell=Telling(), dice=Random())  # noqa: S311 - picks, not keys


class Telling:
    """Logs what is new in a round: a wrong cell, that all is right again, no answer of a store."""

    def __init__(self) -> None:
        self._wrong: frozenset[str] = frozenset()

    def __call__(self, line: Mapping[str, Any]) -> None:
        if "error" in line:
            log.warning("sampling was not answered", error=line["error"])
            return
        found = {each["where"].partition(", at position")[0]: each for each in line["differences"]}
        for where in sorted(found.keys() - self._wrong):
            each = found[where]
            log.error(
                "a cell is not what the log says",
                where=each["where"],
                expected=each["expected"],
                found=each["found"],
            )
        if self._wrong and not found:
            log.info("every cell is what the log says again")
        self._wrong = frozenset(found)
