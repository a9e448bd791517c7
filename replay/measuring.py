"""What building whole versions will take: measured on a sample, or by the last build of the same.

The sample is really read and folded, by the code that would be run, into nothing that lasts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pickle import dumps
from time import perf_counter
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from eventlog.log import LogReader, RecordedEvent
from projections.catalogue import ReadModel
from projections.documents.fold import document_facts
from projections.editions import Edition
from projections.orders.fold import charge_facts, order_facts
from replay.bulk.folds import FOLDS, Blocks, Levels, fold
from replay.bulk.ranges import Folded, Range
from replay.bulk.reader_source import ReaderPages

SAMPLE_RANGES: Final = 8
SAMPLE_RANGE_EVENTS: Final = 2_500
# Beside folding, a first build reads, merges and writes: about twice as long. Later ones are
# forecast by what the last one took.
BESIDE_FOLDING: Final = 2.0
# A build of less of today's log says little of a whole one.
BUILT_SHARE_MIN: Final = 0.1
LAST_BUILT: Final = """
SELECT replay_id, (progress ->> 'events_per_second')::float8 FROM replays AS r
 WHERE state IN ('following', 'diffed', 'promoted', 'rolled_back', 'retired')
   AND (progress ->> 'events_per_second')::float8 > 0
   AND (progress ->> 'events_total')::bigint >= %s
   AND (SELECT array_agg(projection ORDER BY projection) FROM replay_targets AS t
         WHERE t.replay_id = r.replay_id) = %s::text[]
 ORDER BY created_at DESC LIMIT 1
"""


class Built(NamedTuple):
    """How fast the last build of the same read models was: events/s of all of them together."""

    replay_id: UUID
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one process did: `events` of history in `seconds`, leaving `size` bytes of change, of
    `keys` rows or fields (0: each event leaves something of its own).
    """

    events: int
    seconds: float
    size: int
    keys: int = 0

    def forecast(
        self, events: int, cores: int, *, keys: int = 0, built: Built | None = None
    ) -> dict[str, Any]:
        """For a whole build of `events` by so many processes; `keys`: as the active version has."""
        each = self.seconds / self.events if self.events else 0.0
        seconds = BESIDE_FOLDING * each * events / max(1, cores)
        if self.keys:
            size = self.size / self.keys * max(self.keys, keys)
        else:
            size = self.size / self.events * events if self.events else 0.0
        return {
            "events": events,
            "sampled": self.events,
            "fold_events_per_second": round(1 / each) if each else None,
            "seconds": round(seconds if built is None else events / built.rate, 2),
            "seconds_by": "sample" if built is None else f"replay {built.replay_id}",
            "bytes": round(size),
        }


def last_built(
    connection: Connection[TupleRow], projections: Collection[str], events: int
) -> Built | None:
    """The last build of just these read models, when it was of about as many `events` or more."""
    least = BUILT_SHARE_MIN * events * len(projections)
    values = (round(least), sorted(projections))
    found = connection.execute(LAST_BUILT, values).fetchone()
    return None if found is None else Built(*found)


def keys_held(connection: Connection[TupleRow], models: Mapping[str, ReadModel]) -> dict[str, int]:
    """How many rows, or fields of hashes, the active versions have that grow with keys."""

    def rows(projection: str, *places: str) -> int:
        return sum(
            connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            ).fetchall()[0][0]
            for place in places
            for table in [models[projection].places[place]]
        )

    return {
        "stock_levels": rows("stock_levels", "stock_levels", "items", "locations"),
        # Its hashes have a field for each of these.
        "availability": rows("stock_levels", "stock_levels", "items"),
        "orders": rows("orders", "orders", "charges"),
        "documents": rows("documents", "documents"),
    }


def sample(reader: LogReader, heads: Mapping[int, int], projection: str, code: Edition) -> Sample:
    """Fold ranges spread over the log. What cannot be folded is left out of the measure."""
    events = size = keys = 0
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
            size += left[0]
            keys += left[1]
    return Sample(events=events, seconds=seconds, size=size, keys=keys)


def _left(pages: ReaderPages, wanted: Range) -> tuple[int, int] | None:
    """Fold the range; bytes and keys of what it comes to, None when it cannot be folded."""
    if wanted.projection not in FOLDS:
        found = [event for page in pages.pages(wanted) for event in page]
        facts = _taken(wanted.projection, found)
        return sum(len(event.data) for event in facts), len({event.stream for event in facts})
    answer = fold(pages, wanted)
    if not isinstance(answer, Folded):
        return None
    change = answer.change
    if isinstance(change, Blocks):
        return sum(map(len, change.blocks.values())), 0
    if isinstance(change, Levels):
        keys = len(change.levels) + len(change.items) + len(change.locations)
    else:
        keys = sum(len(each.units) + bool(each.settings) for each in change.values())
    return len(dumps(change)), keys


def _taken(projection: str, events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Decode what a projection without ranges takes of some events."""
    if projection == "documents":
        return [event for told in document_facts(events).values() for event, _ in told]
    return [event for event, _ in [*order_facts(events), *charge_facts(events)]]


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
