"""How far a replay is: per projection and shard, in events, with their rate and the time left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

# The rate is that of the last seconds, so that it follows a budget that slows the replay down.
RATE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardProgress:
    """`position` of `head` is in the version's tables or keys."""

    projection: str
    version: int
    store: str
    shard: int
    position: int
    head: int

    @property
    def left(self) -> int:
        return max(0, self.head - self.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A snapshot. `events` of `events_total` are folded, those of an earlier run included; `rate`
    is in events/s, None before it is known; `waiting` says what slows it down, when something does.
    """

    replay_id: UUID
    state: str
    shards: tuple[ShardProgress, ...]
    events: int
    events_total: int
    rate: float | None
    waiting: str = ""

    @property
    def seconds_left(self) -> float | None:
        if self.events >= self.events_total:
            return 0.0
        return (self.events_total - self.events) / self.rate if self.rate else None

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> Progress:
        """The opposite of `as_dict`."""
        shards = [
            ShardProgress(**{name: each[name] for name in ShardProgress.__slots__})
            for each in noted["shards"]
        ]
        return cls(
            replay_id=UUID(noted["replay_id"]),
            state=noted["state"],
            shards=tuple(shards),
            events=noted["events"],
            events_total=noted["events_total"],
            rate=noted["events_per_second"],
            waiting=noted["waiting"],
        )

    def as_dict(self) -> dict[str, Any]:
        """As `--json` shows it and the row of the replay keeps it."""
        return {
            "replay_id": str(self.replay_id),
            "state": self.state,
            "events": self.events,
            "events_total": self.events_total,
            "events_per_second": None if self.rate is None else round(self.rate, 1),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "waiting": self.waiting,
            "shards": [
                asdict(shard) | {"seconds_left": self._left_of(shard)} for shard in self.shards
            ],
        }

    def _left_of(self, shard: ShardProgress) -> float | None:
        """Seconds until this one is done, if it were the next to be worked on."""
        if not shard.left:
            return 0.0
        return round(shard.left / self.rate, 1) if self.rate else None


class Meter:
    """Collects what was folded. Used by one thread."""

    def __init__(self, replay_id: UUID, clock: Callable[[], float]) -> None:
        self._replay_id = replay_id
        self._clock = clock
        self._shards: dict[tuple[str, int], ShardProgress] = {}
        self._done = 0
        self._samples: list[tuple[float, int]] = [(clock(), 0)]

    def note(self, progress: ShardProgress) -> None:
        """A shard of a version stands there now."""
        key = (progress.projection, progress.shard)
        before = self._shards.get(key)
        self._shards[key] = progress
        if before is not None:
            self._done += max(0, progress.position - before.position)
        now = self._clock()
        self._samples.append((now, self._done))
        while now - self._samples[0][0] > RATE_SECONDS and self._samples[1:]:
            del self._samples[0]

    def progress(self, state: str, waiting: str = "") -> Progress:
        """A snapshot of everything noted. Shards without an event are left out."""
        shards = tuple(shard for _, shard in sorted(self._shards.items()) if shard.head)
        (began, before), (ended, after) = self._samples[0], self._samples[-1]
        return Progress(
            replay_id=self._replay_id,
            state=state,
            shards=shards,
            events=sum(shard.position for shard in shards),
            events_total=sum(shard.head for shard in shards),
            rate=(after - before) / (ended - began) if ended > began and after > before else None,
            waiting=waiting,
        )
