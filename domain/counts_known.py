"""The counts a stock remembers: the latest ones, in the order of what they speak of."""

from __future__ import annotations

from datetime import datetime

from domain.events import CountRestated
from domain.stock import COUNTS_KEPT, Count

Counts = tuple[Count, ...]


def with_count(counts: Counts, count: Count) -> tuple[Counts, datetime | None]:
    """With one more; the oldest is forgotten beyond COUNTS_KEPT, and its instant told."""
    place = len(counts)
    while place and counts[place - 1].occurred_at > count.occurred_at:
        place -= 1
    counts = (*counts[:place], count, *counts[place:])
    if len(counts) <= COUNTS_KEPT:
        return counts, None
    return counts[1:], counts[0].occurred_at


def restated(counts: Counts, event: CountRestated) -> Counts:
    """The same counts, one of them with another expected quantity."""
    return tuple(
        Count(
            count_id=count.count_id,
            occurred_at=count.occurred_at,
            counted=count.counted,
            expected=event.expected,
        )
        if count.count_id == event.count_id
        else count
        for count in counts
    )
