"""What Prometheus sees of sampling. Light to import: the verifier serves it first of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from ops.stack.errors import StackError
from ops.stack.ports import LOOPBACK

if TYPE_CHECKING:
    from replay.verify.sampling.results import Round

LABELS: Final = ("projection", "version")
NOT_A_NUMBER: Final = float("nan")


class PortTakenError(StackError):
    def __init__(self, port: int, error: OSError) -> None:
        super().__init__(f"metrics cannot be served on {LOOPBACK}:{port}: {error}; choose another")


class Metrics:
    """What Prometheus sees. An age is that of the last round that compared a cell of the model."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._compared: dict[tuple[str, int], float] = {}
        self._all = Gauge(
            "backstock_explained_percent_overall",
            "Cells of the last round that the log explains, of all compared; must be 100.",
            registry=registry,
        )
        self._percent = Gauge(
            "backstock_explained_percent",
            "The same for one version of a read model; NaN when none could be compared.",
            LABELS,
            registry=registry,
        )
        self._age = Gauge(
            "backstock_explained_age_seconds",
            "Since cells of this version were last compared.",
            LABELS,
            registry=registry,
        )
        self._checked = Counter(
            "backstock_checked_cells", "Cells compared.", LABELS, registry=registry
        )
        self._explained = Counter(
            "backstock_explained_cells", "Cells found equal.", LABELS, registry=registry
        )
        self._skipped = Counter(
            "backstock_sampling_skipped_cells",
            "Cells that could not be compared just then.",
            (*LABELS, "reason"),
            registry=registry,
        )
        self._failed = Counter(
            "backstock_sampling_failed_rounds",
            "Rounds that a store did not answer to the end.",
            registry=registry,
        )
        self._all.set(NOT_A_NUMBER)

    def note(self, done: Round) -> None:
        """A round was completed."""
        percent = done.percent
        self._all.set(NOT_A_NUMBER if percent is None else percent)
        self._forget(done)
        for tally in done.tallies:
            key = tally.entry.key
            labels = (tally.entry.projection, str(tally.entry.version))
            percent = tally.percent
            self._percent.labels(*labels).set(NOT_A_NUMBER if percent is None else percent)
            self._checked.labels(*labels).inc(tally.checked)
            self._explained.labels(*labels).inc(tally.explained)
            for reason, cells in tally.skipped.items():
                self._skipped.labels(*labels, reason).inc(cells)
            if tally.checked or key not in self._compared:
                self._compared[key] = self._clock()
            self._age.labels(*labels).set_function(partial(self._age_of, key))

    def failed(self) -> None:
        """A round could not be completed: nothing is known now."""
        self._failed.inc()
        self._all.set(NOT_A_NUMBER)

    def ages(self) -> dict[tuple[str, int], float]:
        """Seconds, by (projection, version)."""
        now = self._clock()
        return {key: now - at for key, at in self._compared.items()}

    def _age_of(self, key: tuple[str, int]) -> float:
        return self.ages().get(key, NOT_A_NUMBER)

    def _forget(self, done: Round) -> None:
        """Versions that are no longer fed are no longer shown."""
        fed = {tally.entry.key for tally in done.tallies}
        for projection, version in self._compared.keys() - fed:
            self._percent.remove(projection, str(version))
            self._age.remove(projection, str(version))
            del self._compared[projection, version]


@contextmanager
def served(port: int | None) -> Iterator[Metrics]:
    """Metrics that Prometheus may scrape at this port of this machine; with None, nobody may.

    Raises `PortTakenError`.
    """
    registry = CollectorRegistry()
    if port is None:
        yield Metrics(registry)
        return
    try:
        server, thread = start_http_server(port, addr=LOOPBACK, registry=registry)
    except OSError as error:
        raise PortTakenError(port, error) from error
    try:
        yield Metrics(registry)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
