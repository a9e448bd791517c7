"""What a replay would touch and take: counted from the log in bounds, and measured on a sample.

The sample is really read and folded, by the code that would be run, into nothing that lasts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pickle import dumps
from time import perf_counter
from typing import Any, Final

from domain.streams import item_stream, stock_stream
from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from projections.editions import Edition
from projections.orders.fold import charge_facts, order_facts
from replay.bulk.folds import FOLDS, Blocks, fold
from replay.bulk.ranges import Folded, Range
from replay.bulk.reader_source import ReaderPages

# A log of more events is not counted through: what the sample shows is scaled up.
COUNTED_EVENTS_MAX: Final = 3_000_000
SAMPLE_RANGES: Final = 8
SAMPLE_RANGE_EVENTS: Final = 2_500
# Beside folding, a build reads, merges and writes: measured, it takes about twice as long.
BESIDE_FOLDING: Final = 2.0
COUNT: Final = """
SELECT type, count(*), count(DISTINCT (ledger, stream)), min(shard_position), max(shard_position)
  FROM events
 WHERE shard = %(shard)s AND shard_position > %(after)s AND shard_position <= %(last)s
   AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s))
   AND (%(tenants)s::text[] IS NULL OR tenant = ANY (%(tenants)s))
   AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
   AND (%(first)s::bigint IS NULL OR ledger_position >= %(first)s)
   AND (%(final)s::bigint IS NULL OR ledger_position <= %(final)s)
   AND (%(skus)s::text[] IS NULL OR split_part(stream, '@', 1) = ANY (%(skus)s))
 GROUP BY type
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is left empty does not restrict."""

    types: Collection[str] = ()
    tenants: Collection[str] = ()
    skus: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    first_position: int | None = None
    last_position: int | None = None

    def values(self) -> dict[str, Any]:
        """As COUNT takes them. A stock's stream begins with its SKU, an item's is it."""
        streams = [stock_stream(sku, "").partition("@")[0] for sku in self.skus]
        streams += [item_stream(sku) for sku in self.skus]
        return {
            "types": sorted(self.types) or None,
            "tenants": sorted(self.tenants) or None,
            "skus": streams or None,
            "since": self.since,
            "until": self.until,
            "first": self.first_position,
            "final": self.last_position,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """`streams`: how many keys (stocks, items, orders …) have one of the events. `events_by_type`
    is exact unless `estimated`.
    """

    shards: Sequence[int]
    events: int
    streams: int
    events_by_type: Mapping[str, int]
    estimated: bool


def touched(pool: Pool, heads: Mapping[int, int], selection: Selection) -> Touched:
    """Raises `LogUnavailableError`."""
    total = sum(heads.values())
    scale = max(1.0, total / COUNTED_EVENTS_MAX)
    by_type: dict[str, float] = {}
    shards: list[int] = []
    streams = 0.0
    with borrowed(pool) as connection:
        for shard, head in sorted(heads.items()):
            # Of a longer log, the youngest part of each shard stands for the rest.
            after = head - int(head / scale)
            values = selection.values() | {"shard": shard, "after": after, "last": head}
            rows = connection.execute(COUNT, values).fetchall()
            if rows:
                shards.append(shard)
            for stored, count, found, _, _ in rows:
                by_type[stored] = by_type.get(stored, 0.0) + count * scale
                streams = streams + found
    return Touched(
        shards=shards,
        events=round(sum(by_type.values())),
        streams=round(streams),
        events_by_type={stored: round(count) for stored, count in sorted(by_type.items())},
        estimated=scale > 1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one process did: `events` of history in `seconds`, leaving `size` bytes of change."""

    events: int
    seconds: float
    size: int

    def forecast(self, events: int, cores: int) -> dict[str, Any]:
        """For a whole build by so many processes."""
        each = self.seconds / self.events if self.events else 0.0
        return {
            "events": events,
            "sampled": self.events,
            "fold_events_per_second": round(1 / each) if each else None,
            "seconds": round(BESIDE_FOLDING * each * events / max(1, cores), 2),
            "bytes": round(self.size / self.events * events) if self.events else 0,
        }


def sample(reader: LogReader, heads: Mapping[int, int], projection: str, code: Edition) -> Sample:
    """Fold ranges spread over the log. What cannot be folded is left out of the measure."""
    events = size = 0
    seconds = 0.0
    pages = ReaderPages(reader)
    for shard, after, last in _spread(heads):
        wanted = Range(
            projection=projection,
            version=0,
            edition=code.name,
            shard=shard,
            after=after,
            last=last,
        )
        started = perf_counter()
        left = _left(pages, wanted)
        if left is not None:
            seconds += perf_counter() - started
            events += last - after
            size += left
    return Sample(events=events, seconds=seconds, size=size)


def _left(pages: ReaderPages, wanted: Range) -> int | None:
    """Fold the range; the bytes of what it comes to, None when it cannot be folded."""
    if wanted.projection not in FOLDS:
        found = [event for page in pages.pages(wanted) for event in page]
        return sum(len(event.data) for event, _ in [*order_facts(found), *charge_facts(found)])
    answer = fold(pages, wanted)
    if not isinstance(answer, Folded):
        return None
    if isinstance(answer.change, Blocks):
        return sum(map(len, answer.change.blocks.values()))
    return len(dumps(answer.change))


def _spread(heads: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """(shard, after, last): the same number of events from evenly spaced places of the whole."""
    total = sum(heads.values())
    if total <= SAMPLE_RANGES * SAMPLE_RANGE_EVENTS:
        return [(shard, 0, head) for shard, head in sorted(heads.items()) if head]
    wanted = []
    for number in range(SAMPLE_RANGES):
        place = total * number // SAMPLE_RANGES
        for shard, head in sorted(heads.items()):
            if place < head:
                after = min(place, max(0, head - SAMPLE_RANGE_EVENTS))
                wanted.append((shard, after, min(head, after + SAMPLE_RANGE_EVENTS)))
                break
            place -= head
    return wanted
