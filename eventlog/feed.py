"""Where a consumer's events come from, and one shard's share of them in exact order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from eventlog.codec import KNOWN_TYPES
from eventlog.log import ArrivedEvent

Wanted: TypeAlias = Callable[[str, bytes], bool]
"""Whether a consumer is concerned by an event, by its stored type and its data. It always is by one
whose type nobody knows.
"""


def wanted_types(handles: Collection[str]) -> Wanted:
    """All of these types, and those that nobody knows."""
    passed = KNOWN_TYPES.difference(handles)
    return lambda type_name, _: type_name not in passed


class EventSource(Protocol):
    """Delivers events soon after they were recorded. Promises nothing about completeness.

    What is not wanted may come as a `PassedEvent`.
    Events may come twice, late, or never: who polls checks "last + 1" and fetches what is missing
    from the store. Used by one thread.
    """

    @property
    def trouble(self) -> str | None:
        """What keeps it from delivering at the moment, if it knows."""

    def follow(self, shard: int, position: int) -> None:
        """Deliver the shard's events after `position` from now on. Returns at once."""

    def drop(self, shard: int) -> None:
        """Deliver nothing more of the shard. Returns at once."""

    def poll(self, events_max: int, seconds: float) -> Mapping[int, Sequence[ArrivedEvent]]:
        """What has arrived, by shard: when there are `events_max`, or after `seconds`."""

    def close(self) -> None: ...


class ShardFeed:
    """The events of one shard that wait to be applied: contiguous after `position`."""

    def __init__(self, shard: int, position: int, now: float) -> None:
        self.shard = shard
        self.position = position  # the last one applied
        self.pending: list[ArrivedEvent] = []
        self.waiting_since = now  # the oldest of them
        self.heard_at = now  # the source, or the store, last had something for us
        self.checked_at = now  # the read model's checkpoint was last compared
        self.from_store = False

    @property
    def received(self) -> int:
        """The last position that is applied or waits."""
        return self.position + len(self.pending)

    def offer(self, events: Iterable[ArrivedEvent], now: float) -> bool:
        """Take what is next, skip what came before; False when something in between is missing."""
        if not self.pending:
            self.waiting_since = now
        self.heard_at = now
        expected = self.received + 1
        append = self.pending.append
        for event in events:
            position = event.shard_position
            if position == expected:
                append(event)
                expected += 1
            elif position > expected:
                return False
        return True

    def applied(self, count: int, now: float) -> None:
        """The first `count` that waited are in the read model."""
        self.position += count
        del self.pending[:count]
        self.waiting_since = now
        self.checked_at = now
