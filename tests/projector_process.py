"""One projector as a process of its own: `python -m tests.projector_process SPECIFICATION`.

Folds what a shard's log holds, then exits with 0; ends as the projection's errors end it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from eventlog.projection import Projection
from tests.projection_side import Journal, drain, journal

ROOT = Path(__file__).parents[1]
SECONDS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Projector:
    """What a child process is to run. Addresses that its projection does not need stay empty."""

    projection: str
    shard: int
    log_dsn: str
    redis_url: str = ""
    redis_prefix: str = ""
    clickhouse_url: str = ""
    batch: int = 100

    @contextmanager
    def running(self, **environment: str) -> Iterator[psutil.Popen]:
        """Start it; kill it at the end if it still runs."""
        child = psutil.Popen(
            (sys.executable, "-m", "tests.projector_process", json.dumps(asdict(self))),
            cwd=ROOT,
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield child
        finally:
            if child.is_running():
                child.send_signal(signal.SIGKILL)
            child.communicate()

    def run(self, **environment: str) -> tuple[int, str]:
        """Run it to its end: exit code and what it said."""
        with self.running(**environment) as child:
            return end_of(child)


def end_of(child: psutil.Popen) -> tuple[int, str]:
    """Wait for the end of a child: exit code and what it said."""
    _, said = child.communicate(timeout=SECONDS_MAX)
    return child.returncode, said


def main(specification: str) -> None:
    wanted = Projector(**json.loads(specification))
    with ExitStack() as resources:
        log = resources.enter_context(journal(wanted.log_dsn))
        projection = _projection(wanted, log, resources)
        drain(log, projection, wanted.shard, batch=wanted.batch)


def _projection(wanted: Projector, log: Journal, resources: ExitStack) -> Projection:
    """The projection; a process imports only what its own one needs."""
    identity = log.identity
    match wanted.projection:
        case "stock_levels":
            from projections.stock_levels.projection import StockLevels

            return StockLevels(log.pool, epoch=identity.epoch)
        case "orders":
            from projections.orders.projection import Orders

            return Orders(log.pool, epoch=identity.epoch)
        case "documents":
            from projections.documents.projection import Documents

            return Documents(log.pool, epoch=identity.epoch)
        case "availability":
            import redis

            from projections.availability.projection import Availability

            return Availability(
                resources.enter_context(redis.Redis.from_url(wanted.redis_url)),
                log.pool,
                redis_prefix=wanted.redis_prefix,
                store_id=identity.store_id,
                epoch=identity.epoch,
            )
        case "movements":
            import clickhouse_connect

            from projections.movements.projection import Movements

            client = clickhouse_connect.get_client(dsn=wanted.clickhouse_url)
            resources.enter_context(closing(client))
            return Movements(client, log.pool, log.reader, epoch=identity.epoch)
        case unknown:
            raise ValueError(f"no projection is called {unknown!r}")


if __name__ == "__main__":
    main(sys.argv[1])
