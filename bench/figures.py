"""One measured figure, and the file all of them go to."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`median` and `spread` (highest - lowest) in `unit`; `ratio` is median / the peer's median."""

    name: str
    unit: str
    median: float
    spread: float
    repetitions: int
    peer: str | None = None
    ratio: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


def figure(
    name: str, unit: str, values: Sequence[float], *, latencies_ms: Sequence[float] = ()
) -> Figure:
    """Sum up repetitions; `latencies_ms` are of single operations over all of them."""
    cuts = statistics.quantiles(latencies_ms, n=100) if len(latencies_ms) > 1 else None
    return Figure(
        name=name,
        unit=unit,
        median=round(statistics.median(values), 3),
        spread=round(max(values) - min(values), 3),
        repetitions=len(values),
        p50_ms=round(cuts[49], 3) if cuts else None,
        p99_ms=round(cuts[98], 3) if cuts else None,
    )


def write(figures: Sequence[Figure]) -> Path:
    """Write all figures as one JSON list, in place of the last run's."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")
    return RESULTS
