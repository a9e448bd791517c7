"""A selective replay as a process: `python -m tests.selective_process ADDRESSES SKU`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.selective_side import Addresses, world

ROOT = Path(__file__).parents[1]
SECONDS_MAX = 60


def run_elsewhere(addresses: Addresses, sku: str, **environment: str) -> tuple[int, str]:
    """Run it to its end: exit code and what it said."""
    done = subprocess.run(
        (sys.executable, "-m", "tests.selective_process", json.dumps(asdict(addresses)), sku),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.returncode, done.stderr


def main(addresses: str, sku: str) -> None:
    with world(Addresses(**json.loads(addresses)), forget=False) as stores:
        stores.correct(sku=sku)


if __name__ == "__main__":
    main(*sys.argv[1:])
