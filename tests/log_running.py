"""Relays and consumers of a test: in a thread of this process, or as a process of their own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Self

import pytest

from eventlog import consumer
from eventlog.consumer import Bounds, Surroundings, run_projection
from eventlog.feed import EventSource, wanted_types
from eventlog.heads import HeadKey
from eventlog.kafka import relay
from eventlog.kafka.cursors import RelayCursors
from eventlog.kafka.head_signing import HeadSigner
from eventlog.kafka.relay import RelayParts, run_relay
from eventlog.kafka.source import KafkaSource
from eventlog.kafka.topics import events_topic, heads_topic
from eventlog.leases import LeaseTable, ShardLeases, projection_leases, relay_leases
from eventlog.parked import ParkedStreams
from eventlog.postgres.connections import Pool, open_log_pool
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from eventlog.progress import Progress
from tests.log_writing import SHARDS, LogWriter
from tests.parts import Database
from tests.tally import EPOCH, Tally

ROOT = Path(__file__).parents[1]
WAIT_SECONDS_MAX = 30.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a test's log is, and how long leases last there."""

    dsn: str
    bootstrap: str
    prefix: str
    keys: str
    lease_seconds: float = 1.5

    @property
    def topic(self) -> str:
        return f"{self.prefix}.events.v1"

    def pool(self, name: str) -> Pool:
        return open_log_pool(self.dsn, size=3, name=name)

    def relay(self, pool: Pool, name: str = "relay-1") -> RelayParts:
        leases = self._leases(pool, relay_leases(), name)
        return RelayParts(
            bootstrap=self.bootstrap,
            events=events_topic(self.prefix, SHARDS),
            reader=PostgresReader(pool),
            leases=leases,
            cursors=RelayCursors(pool, owner=leases.owner),
            shard_positions=partial(shard_positions, pool),
            signer=HeadSigner(
                pool, HeadKey.in_directory(Path(self.keys)), heads_topic(self.prefix), seconds=0.2
            ),
            epoch=EPOCH,
        )

    def surroundings(
        self, pool: Pool, name: str = "tally-1", source: EventSource | None = None
    ) -> Surroundings:
        return Surroundings(
            source=source
            or KafkaSource(
                self.bootstrap,
                self.topic,
                epoch=EPOCH,
                name=name,
                wanted=wanted_types(Tally.handles),
            ),
            reader=PostgresReader(pool),
            leases=self._leases(pool, projection_leases(Tally.name, Tally.version), name),
            parked=ParkedStreams(pool, Tally.name, Tally.version),
            shard_positions=partial(shard_positions, pool),
            epoch=EPOCH,
        )

    def _leases(self, pool: Pool, table: LeaseTable, name: str) -> ShardLeases:
        incarnation = f"{os.getpid()}-{time.monotonic_ns()}"
        return ShardLeases(
            pool, table, name=name, incarnation=incarnation, seconds=self.lease_seconds
        )


@dataclass(slots=True)
class Running:
    """A loop in a thread. `progress` is its latest snapshot; leaving the block stops it."""

    target: Callable[..., None]
    progress: Progress | None = None
    error: BaseException | None = None
    seen: list[Progress] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        if self.error is not None and kind is None:
            raise self.error

    def taken_error(self) -> BaseException | None:
        """What the loop ended with, when the test expects that it did."""
        error, self.error = self.error, None
        return error

    def stop(self) -> None:
        self._stop.set()
        self.join()

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join(WAIT_SECONDS_MAX)
        assert not self._thread.is_alive(), "the loop does not end"

    def _run(self) -> None:
        try:
            self.target(stop=self._stop, observe=self._observe)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error

    def _observe(self, progress: Progress) -> None:
        self.progress = progress
        self.seen.append(progress)


@contextmanager
def relay_running(place: Place, name: str = "relay-1") -> Iterator[Running]:
    """A relay in a thread."""
    pool = place.pool(name)
    with pool, Running(partial(run_relay, place.relay(pool, name))) as running:
        yield running


@contextmanager
def tally_running(
    place: Place,
    name: str = "tally-1",
    *,
    healed: bool = False,
    source: EventSource | None = None,
    bounds: Bounds | None = None,
) -> Iterator[Running]:
    """The projection Tally in a thread, from Kafka or another source."""
    pool = place.pool(name)
    around = place.surroundings(pool, name, source)
    tally = Tally(pool, healed=healed)
    with pool, Running(partial(run_projection, tally, around, bounds=bounds)) as running:
        try:
            yield running
        finally:
            running.stop()
            around.source.close()


@contextmanager
def process(
    place: Place, role: str, name: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A relay or Tally as a process: `environment` may arm a crash point."""
    child = subprocess.Popen(
        (sys.executable, "-m", "tests.log_running", role, name, json.dumps(asdict(place))),
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGCONT)
        child.kill()
        child.communicate()


@pytest.fixture
def place(
    postgres_database: Database,
    kafka_bootstrap: str,
    kafka_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    """A log of this test's own, with the Kafka topics it will have; loops here look often."""
    monkeypatch.setattr(consumer, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(relay, "LOOK_SECONDS", 0.1)
    return Place(
        dsn=postgres_database.log,
        bootstrap=kafka_bootstrap,
        prefix=kafka_prefix,
        keys=str(tmp_path / "keys"),
    )


@pytest.fixture
def log_writer(place: Place) -> Iterator[LogWriter]:
    """Writes to this test's log."""
    with place.pool("writer") as pool:
        yield LogWriter(pool)


def wait_until(holds: Callable[[], object], seconds: float = WAIT_SECONDS_MAX) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(POLL_SECONDS)


def _main(role: str, name: str, place: Place) -> None:
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    pool = place.pool(name)
    if role == "relay":
        run_relay(place.relay(pool, name), stop=stop)
    else:
        run_projection(Tally(pool), place.surroundings(pool, name), stop=stop)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], Place(**json.loads(sys.argv[3])))
