"""A year of invoices through HTTP into every read model, on an embedded stack of its own.

BACKSTOCK_BENCH_FILE names the UCI "Online Retail" file (CSV, plain or gzip), which otherwise is
looked for beside the checkout; without it the bench makes up one of the same shape, and says so in
the figures' names.
"""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import Figure, figure
from ops.importers.online_retail.rows import COLUMNS

FILE_VARIABLE = "BACKSTOCK_BENCH_FILE"
BESIDE = Path(__file__).parents[2] / "shared" / "data" / "online_retail_uci.csv.gz"
MADE_UP_INVOICES = 4_000
MADE_UP_LINES = 27
MADE_UP_SKUS = 3_900
IMPORT_SECONDS_MAX = 1_800


def measure() -> list[Figure]:
    """One import from the first request until the last event is applied everywhere."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        file = _file()
        name = "import_made_up" if file is None else "import"
        file = file or _made_up(root / "made-up.csv")
        data = root / "data"
        try:
            _backstock("up", "--detach", "--data", str(data))
            report = _backstock("import", "online-retail", str(file), "--data", str(data))
        finally:
            _backstock("down", "--data", str(data))
    assert report["stores_equal"] is True, report
    return [
        figure(f"{name}_events", "events/s", [report["events_per_second"]]),
        figure(f"{name}_rows", "rows/s", [report["rows_per_second"]]),
        figure(f"{name}_lag_p99", "s", [report["lag_p99_seconds"]]),
    ]


def _file() -> Path | None:
    given = os.environ.get(FILE_VARIABLE)
    if given:
        return Path(given)
    return BESIDE if BESIDE.exists() else None


def _backstock(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        (sys.executable, "-m", "ops.main", *arguments, "--json"),
        check=True,
        capture_output=True,
        text=True,
        timeout=IMPORT_SECONDS_MAX,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _made_up(path: Path) -> Path:
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows(_rows())
    return path


def _rows() -> Iterator[tuple[str, ...]]:
    chance = random.Random(7)
    instant = datetime(2026, 1, 5, 8, 0)  # noqa: DTZ001 - the file's own local time
    for invoice in range(MADE_UP_INVOICES):
        instant += timedelta(minutes=chance.randint(0, 9))
        for _ in range(chance.randint(1, 2 * MADE_UP_LINES)):
            sku = str(10_000 + int(MADE_UP_SKUS * chance.random() ** 2))
            price = f"{chance.randint(20, 2000) / 100:.2f}"
            yield (
                str(500_000 + invoice),
                sku,
                f"ARTICLE {sku}",
                str(chance.randint(1, 24)),
                instant.isoformat(sep=" "),
                price,
                f"{12_000 + invoice % 900}.0",
                "United Kingdom",
            )
