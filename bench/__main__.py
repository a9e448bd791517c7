"""`make bench`: every measurement, a table on screen, and bench/results/latest.json."""

import sys

from rich.console import Console
from rich.table import Table

from bench import (
    append_path,
    cold_stream,
    full_import,
    large_requests,
    log_path,
    replay,
    replay_memory,
    selective,
)
from bench.figures import Figure, write

MEASUREMENTS = {
    "append_path": append_path.measure,
    "log_path": log_path.measure,
    "cold_stream": cold_stream.measure,
    "replay": replay.measure,
    "replay_memory": replay_memory.measure,
    "selective": selective.measure,
    "large_requests": large_requests.measure,
    "full_import": full_import.measure,
}
LOG_WIDTH = 140


def main(names: list[str]) -> None:
    """Measure what is named, or everything."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console = Console(stderr=True, width=LOG_WIDTH)
    figures: list[Figure] = []
    for name in names or MEASUREMENTS:
        console.print(f"measuring {name} …")
        figures += MEASUREMENTS[name]()
    columns = (
        "name",
        "unit",
        "median",
        "spread",
        "repetitions",
        "peer",
        "ratio",
        "p50_ms",
        "p99_ms",
    )
    table = Table(*columns, box=None, header_style="bold")
    for each in figures:
        values = (getattr(each, column) for column in columns)
        table.add_row(*("" if value is None else str(value) for value in values))
    console.print(table)
    console.print(f"written to {write(figures)}", highlight=False)


main(sys.argv[1:])
