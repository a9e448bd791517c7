"""How a consumer or relay is doing: what metrics, `status` and the console show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Health: TypeAlias = Literal["starting", "running", "waiting", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardProgress:
    """`position` of `head` is done. `behind_seconds`: how long ago it last was all of it."""

    shard: int
    position: int
    head: int
    behind_seconds: float
    recorded_at: datetime | None

    @property
    def behind_events(self) -> int:
        return max(0, self.head - self.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A snapshot of one process: the shards it holds, what it has done since its start.

    `reason` says what it waits for, or what it makes do without.
    """

    name: str
    health: Health
    reason: str
    shards: tuple[ShardProgress, ...]
    events: int
    batches: int
    parked: int = 0

    @property
    def behind_events(self) -> int:
        return sum(shard.behind_events for shard in self.shards)

    @property
    def behind_seconds(self) -> float:
        return max((shard.behind_seconds for shard in self.shards), default=0.0)
