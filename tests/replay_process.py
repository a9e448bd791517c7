"""A replayer as a process of its own: `python -m tests.replay_process SPECIFICATION`.

Runs the latest replay to its end, cut so small that every step comes several times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.parts import Database

ROOT = Path(__file__).parents[1]
SECONDS_MAX = 120
RANGE_EVENTS = 100
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

    def run(self, environment: Mapping[str, str]) -> tuple[int, str]:
        """To its end: exit code and what it said."""
        done = subprocess.run(
            (sys.executable, "-m", "tests.replay_process", json.dumps(asdict(self))),
            cwd=ROOT,
            env=os.environ | environment,
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
        stores.run(replay_id, range_events=RANGE_EVENTS)


if __name__ == "__main__":
    main(sys.argv[1])
