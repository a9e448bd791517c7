"""A release that knows older shapes of events: `python -m tests.older_process SPECIFICATION`.

Steps from older shapes are looked up when modules are imported, so they need a process that has
them from its first line. It tells on standard output what a replay came to beside the live path.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eventlog import upcasters
from tests.parts import Database

ROOT = Path(__file__).parents[1]
SECONDS_MAX = 120
# The streams of two aggregates; each read model reads one of them and hears of the other.
OLDER: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("stock-OLD@WH", "stock.received.v0", {"sku": "OLD", "location": "WH", "units": 4}),
    ("item-OLD", "item.registered.v0", {"sku": "OLD", "title": "Mug", "attributes": {}}),
    ("order-OLD", "order.placed.v0", {"order_id": "OLD", "items": []}),
)


def run(database: Database, *addresses: str) -> dict[str, Any]:
    """What the process found."""
    done = subprocess.run(
        (sys.executable, "-m", "tests.older_process", json.dumps([asdict(database), *addresses])),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def know_older_shapes() -> None:
    def step(older: str, newer: str) -> upcasters.Step:
        return lambda fields: {newer: fields.pop(older), **fields}

    steps: Mapping[str, upcasters.Step] = {
        "stock.received.v0": step("units", "quantity"),
        "item.registered.v0": step("title", "name"),
        "order.placed.v0": step("items", "lines"),
    }
    upcasters.STEPS.update(steps)  # type: ignore[attr-defined]


def main(specification: str) -> None:
    know_older_shapes()
    from tests.happenings import year
    from tests.replay_side import ALL, world

    database, redis_url, redis_prefix, clickhouse_url, directory = json.loads(specification)
    with world(
        Database(**database), redis_url, redis_prefix, clickhouse_url, Path(directory)
    ) as stores:
        ledger = stores.log.ledger("main")
        stores.log.append_dated(ledger, year(7, 300))
        for stream, stored, fields in OLDER:
            stores.log.append_raw(ledger, stream, stored, json.dumps(fields).encode())
        stores.log.append_dated(ledger, year(8, 100))
        for projection in ALL:
            stores.feed(projection, 1)
        stores.run(stores.plan())
        with stores.log.pool.connection() as connection:
            parked = connection.execute(
                "SELECT projection, version, stream FROM parked_streams"
            ).fetchall()
            (level,) = connection.execute(
                "SELECT on_hand FROM stock_levels_v2 WHERE sku = 'OLD'"
            ).fetchall() or [(None,)]
        found = {
            "parked": parked,
            "slow": stores.slow,
            "on_hand": level[0],
            "live": {name: dict(stores.holds(name, 1)) for name in ALL},
            "replayed": {name: dict(stores.holds(name, 2)) for name in ALL},
        }
    sys.stdout.write(json.dumps(found, default=str))


if __name__ == "__main__":
    main(sys.argv[1])
