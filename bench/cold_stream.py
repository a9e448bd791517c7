"""The first command on a long stream by a process that knows nothing of the store yet.

One stock of 280,000 receipts, the last 499 of them behind its last snapshot. Each repetition has
connections and a write side of its own, and sends one command.
"""

from __future__ import annotations

import time

from bench.figures import Figure, figure
from bench.store import Commands, add, log_pool, receipt, store

TENANT = "deep"
SKU = "85123A"
STREAM = 280_000
BEHIND_SNAPSHOT = 499  # One more, and a snapshot is due.
BULK = 5_000
REPETITIONS = 20


def measure() -> list[Figure]:
    """Milliseconds from the command, parsed, until its answer."""
    with store() as (_, dsn):
        _write(dsn)
        firsts = [_first_command(dsn, number) for number in range(REPETITIONS)]
    return [figure("first_command_280000", "ms", firsts, latencies_ms=firsts)]


def _write(dsn: str) -> None:
    folded = STREAM - BEHIND_SNAPSHOT
    with log_pool(dsn) as pool:
        add(pool, TENANT)
        commands = Commands(pool, TENANT)
        commands.register([SKU])
        for start in (*range(0, folded, BULK), folded):
            end = STREAM if start == folded else min(start + BULK, folded)
            keys = map(str, range(start, end))
            commands.submit(commands.parsed([receipt(key, SKU) for key in keys]))
        commands.close()


def _first_command(dsn: str, number: int) -> float:
    with log_pool(dsn) as pool:
        commands = Commands(pool, TENANT)
        asked = commands.parsed([receipt(f"first {number}", SKU)])
        started = time.perf_counter()
        commands.submit(asked)
        took = time.perf_counter() - started
        commands.close()
    return took * 1000
