"""A replayer as a process of its own: `python -m tests.replay_process SPECIFICATION`.

Takes one step of the latest replay to its end; a build is cut so small that every step of it comes
several times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from tests.parts import Database

if TYPE_CHECKING:
    from tests.replay_side import World

ROOT = Path(__file__).parents[1]
SECONDS_MAX = 120
RANGE_EVENTS = 100
APPLIED_EVENTS = 70
COLLECTED_EVENTS = 300
HASHES_PER_CALL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayer:
    """What the child is to work on."""

    database: Database
    redis_url: str
    redis_prefix: str
    clickhouse_url: str
    directory: str
    step: str = "build"
    cores: int = 0

    def killed_after(self, seconds: float) -> None:
        """Let it begin to work, and kill it so much later, if it still runs then."""
        child = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
            child.kill()
            child.wait()

    @contextmanager
    def stopped_at(self, point: str) -> Iterator[subprocess.Popen[bytes]]:
        """Stopped at a crash point in the block, which may let it go on; killed at the end."""
        child = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=os.environ | {"BACKSTOCK_STOP_AT": point},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _, status = os.waitpid(child.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), f"it ended before {point}"
            yield child
        finally:
            child.kill()
            child.wait()

    @property
    def _command(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "tests.replay_process", json.dumps(asdict(self)))

    def run(self, environment: Mapping[str, str]) -> tuple[int, str]:
        """To its end: exit code and what it said."""
        done = subprocess.run(
            self._command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        return done.returncode, done.stderr


def main(specification: str) -> None:
    from replay.bulk import hash_sink, sinks
    from replay.records import replay
    from tests.replay_side import world

    found = json.loads(specification)
    sinks.EVENTS_MAX = COLLECTED_EVENTS  # type: ignore[misc]
    hash_sink.EVENTS_MAX = COLLECTED_EVENTS  # type: ignore[attr-defined]
    hash_sink.HASHES_PER_CALL_MAX = HASHES_PER_CALL  # type: ignore[attr-defined]
    database = Database(**found["database"])
    with world(
        database,
        found["redis_url"],
        found["redis_prefix"],
        found["clickhouse_url"],
        Path(found["directory"]),
    ) as stores:
        with stores.log.pool.connection() as connection:
            replay_id = replay(connection).replay_id
        sys.stdout.write("at work\n")
        sys.stdout.flush()
        take(stores, replay_id, found["step"], found["cores"])


def take(stores: World, replay_id: UUID, step: str, cores: int) -> None:
    from ops import promotion
    from replay.budget import Budget
    from tests import cutover_side
    from tests.diffing import difference_of

    match step:
        case "build":
            stores.run(replay_id, range_events=RANGE_EVENTS, budget=Budget(cores=cores))
        case "apply":
            budget = Budget(batch_events=APPLIED_EVENTS)
            stores.run(replay_id, range_events=None, budget=budget)
        case "diff":
            difference_of(stores, replay_id, "type=stock.returned.v1")
        case "promote":
            cutover_side.promoted(stores, replay_id)
        case "receipt":
            promotion.promote(stores.around, replay_id, None)
        case "rollback":
            cutover_side.rolled_back(stores, replay_id)
        case "retire":
            cutover_side.retired(stores, replay_id)
        case unknown:
            raise ValueError(f"no step is called {unknown!r}")


if __name__ == "__main__":
    main(sys.argv[1])
