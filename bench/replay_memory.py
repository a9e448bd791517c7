"""What a replay holds in memory: as many keys, ten times the events.

Measured from outside: the processes of `backstock replay run`, the worker processes among them, at
their highest, each page counted once (proportional set size). The servers are not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil

from bench.figures import Figure, figure
from bench.replay import TARGETS, Lab, lab
from replay import planning
from replay.cancelling import cancel
from replay.planning import Request

EVENTS = 300_000
TIMES = 10
LOOK_SECONDS = 0.05


def measure() -> list[Figure]:
    """On one set of stores, which grow in between."""
    peaks: dict[str, dict[int, float]] = {name: {} for name in TARGETS}
    with lab() as stores:
        for events in (EVENTS, TIMES * EVENTS):
            stores.grow(events)
            for name, projections in TARGETS.items():
                peaks[name][events] = peak_megabytes(stores, projections)
    figures = []
    for name, found in peaks.items():
        few = figure(f"{name}_memory", "MB", [found[EVENTS]])
        many = figure(f"{name}_memory_x{TIMES}", "MB", [found[TIMES * EVENTS]])
        ratio = round(many.median / few.median, 2)
        figures += [few, replace(many, peer=few.name, ratio=ratio)]
    return figures


def peak_megabytes(stores: Lab, projections: tuple[str, ...]) -> float:
    """Of building these read models by the command; what it built is dropped again."""
    around = stores.around
    request = Request(projections=projections, anyway=True)
    planned = planning.plan(around.pool, around.reader, request)
    replay_id = planning.start(around.pool, planned, redis_prefix="bench")
    settings = around.stores.settings
    named = {
        "BACKSTOCK_DATA": str(settings.data),
        "BACKSTOCK_REDIS_PREFIX": settings.redis_prefix,
        "BACKSTOCK_POSTGRES_LOG_DSN": around.stores.log_dsn,
        **{
            f"BACKSTOCK_{field.upper()}": value.get_secret_value()
            for field in ("postgres_dsn", "redis_url", "clickhouse_url")
            if (value := getattr(settings, field)) is not None
        },
    }
    command = [sys.executable, "-m", "ops.main", "replay", "run", "--replay", str(replay_id)]
    with subprocess.Popen(
        [*command, "--json"],
        env={**os.environ, **named},
        stdout=subprocess.DEVNULL,
    ) as process:
        highest = 0.0
        while process.poll() is None:
            highest = max(highest, _held(process.pid))
            time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}")
    cancel(around.pool, replay_id, owner=around.owner, drop=around.drop, sleep=time.sleep)
    return highest


def _held(pid: int) -> float:
    """Megabytes of a process and its children; one that has just ended counts nothing."""
    total = 0
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().pss
    except psutil.Error:
        pass
    return total / 1e6
