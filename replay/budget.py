"""What a replay may take: cores, and how much of everybody else's patience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LIVE_LAG_SECONDS: Final = 5.0
LATENCY_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """`cores`: processes that fold at a time; with 0, the one that was started folds by itself.

    It pauses while a live projection is further behind than `live_lag_seconds`, or one look at the
    database takes longer than `latency_seconds`.
    """

    cores: int = 0
    live_lag_seconds: float = LIVE_LAG_SECONDS
    latency_seconds: float = LATENCY_SECONDS
    batch_events: int = 20_000
