"""How a consumer or relay is doing: what metrics, `status` and the console show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


class Standing:
    """Where each shard stands, also while an outage keeps the loop from working on it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._positions: dict[int, int] = {}
        self._recorded: dict[int, datetime] = {}
        self._caught_up: dict[int, float] = {}
        self._heads: Mapping[int, int] = {}

    def note(self, shard: int, position: int, recorded_at: datetime | None = None) -> None:
        """The shard is done up to `position`."""
        self._positions[shard] = position
        self._caught_up.setdefault(shard, self._clock())
        if recorded_at is not None:
            self._recorded[shard] = recorded_at

    def compare(self, heads: Mapping[int, int]) -> None:
        """The store's last position by shard is this now."""
        self._heads = heads
        now = self._clock()
        for shard, position in self._positions.items():
            if position >= heads.get(shard, 0):
                self._caught_up[shard] = now

    def forget(self, shard: int) -> None:
        """Somebody else works on this shard."""
        self._positions.pop(shard, None)
        self._recorded.pop(shard, None)
        self._caught_up.pop(shard, None)

    def shards(self) -> tuple[ShardProgress, ...]:
        """Every shard that was noted and not forgotten."""
        now = self._clock()
        found = []
        for shard, position in sorted(self._positions.items()):
            head = max(position, self._heads.get(shard, 0))
            found.append(
                ShardProgress(
                    shard=shard,
                    position=position,
                    head=head,
                    behind_seconds=now - self._caught_up[shard] if position < head else 0.0,
                    recorded_at=self._recorded.get(shard),
                )
            )
        return tuple(found)
