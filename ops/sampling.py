"""Sampling as this deployment runs it: round after round, told as lines and as metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from threading import Event
from time import monotonic

from ops.sampling_metrics import Metrics
from ops.settings import Settings
from ops.verification import UNREACHABLE, NotVerifiedError, addresses_of
from replay.verify.sampling.sampler import Sampler

Line = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """`every`: seconds between two rounds, None for one round only. `streams`: random events that
    a round begins with.
    """

    settings: Settings
    every: float | None
    streams: int
    metrics: Metrics

    def run(self, *, stop: Event, tell: Callable[[Line], None], dice: Random) -> bool:
        """Until `stop` is set; whether the last round explained every cell.

        Each round is told as a line. One that a store did not answer is told too, and does not end
        a run of several. Raises `StackError`.
        """
        sampler = Sampler(addresses_of(self.settings), dice, streams=self.streams)
        number, ok = 0, False
        while True:
            number += 1
            ok = self._round(sampler, number, tell)
            if self.every is None or stop.wait(self.every):
                return ok

    def _round(self, sampler: Sampler, number: int, tell: Callable[[Line], None]) -> bool:
        began = monotonic()
        head = {"round": number, "at": datetime.now(UTC).isoformat()}
        try:
            done = sampler.round()
        except (*UNREACHABLE, LookupError) as error:
            if self.every is None:
                raise NotVerifiedError(
                    f"nothing is proven, as a store did not answer to the end: {error}; see which"
                    " with `backstock status`"
                ) from error
            self.metrics.failed()
            tell({**head, "ok": False, "explained_percent": None, "error": str(error)})
            return False
        self.metrics.note(done)
        ages = self.metrics.ages()
        told = done.as_dict()
        told["read_models"] = [
            {**tally.as_dict(), "age_seconds": round(ages.get(tally.entry.key, 0.0), 3)}
            for tally in done.tallies
        ]
        tell({**head, "seconds": round(monotonic() - began, 3), **told})
        return done.ok
