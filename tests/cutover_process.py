"""A step of a cut-over as a process of its own: `python -m tests.cutover_process SPECIFICATION`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import psutil

from ops import promotion
from tests.cutover_side import promoted, retired, rolled_back
from tests.parts import Database
from tests.replay_side import World, world

ROOT = Path(__file__).parents[1]
SECONDS_MAX = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepping:
    """Where the stores are, and what is to be done to which replay."""

    admin: str
    log: str
    read: str
    redis_url: str
    redis_prefix: str
    clickhouse_url: str
    directory: str
    replay_id: str
    step: str

    @contextmanager
    def running(self, **environment: str) -> Iterator[psutil.Popen]:
        """Start it; kill it at the end if it still runs."""
        child = psutil.Popen(
            (sys.executable, "-m", "tests.cutover_process", json.dumps(asdict(self))),
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
            _, said = child.communicate(timeout=SECONDS_MAX)
            return child.returncode, said


def main(specification: str) -> None:
    wanted = Stepping(**json.loads(specification))
    with world(
        Database(admin=wanted.admin, log=wanted.log, read=wanted.read),
        wanted.redis_url,
        wanted.redis_prefix,
        wanted.clickhouse_url,
        Path(wanted.directory),
    ) as stores:
        take(stores, UUID(wanted.replay_id), wanted.step)


def take(stores: World, replay_id: UUID, step: str) -> None:
    match step:
        case "promote":
            promoted(stores, replay_id)
        case "promote and tell":
            promotion.promote(stores.around, replay_id, None)
        case "rollback":
            rolled_back(stores, replay_id)
        case "retire":
            retired(stores, replay_id)
        case unknown:
            raise ValueError(f"no step is called {unknown!r}")


if __name__ == "__main__":
    main(sys.argv[1])
