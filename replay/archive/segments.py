"""Events as sealed segments: read in order, chained again, written, noted.

Each sealed segment is noted in PENDING_FILE at once, so that a run that dies loses the work on one
segment at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from eventlog.crash_points import crash_point
from eventlog.log import LogReader
from replay.archive.faults import OtherStoreError, TargetError
from replay.archive.manifest import (
    PENDING_FILE,
    Manifest,
    Segment,
    by_shard,
    refuse_gaps,
    tails_of,
)
from replay.archive.snapshot import PAGE_ROWS, Snapshot
from replay.archive.tables import EVENTS, event_columns
from replay.archive.target import ParquetFile, Target
from replay.archive.walk import Walk

SHARD_DIGITS: Final = 4
POSITION_DIGITS: Final = 12
Progress = Callable[[int, int], None]  # events done, events in all


def pending_segments(target: Target, manifest: Manifest) -> list[Segment]:
    """What an unfinished run has sealed behind the manifest."""
    content = target.read_if_there(PENDING_FILE)
    if content is None:
        return []
    known = {segment.file for segment in manifest.events}
    try:
        found = msgspec.json.decode(content, type=list[Segment])
    except msgspec.DecodeError as error:
        reason = f"cannot be understood ({error}): delete it, and write again"
        raise TargetError(target.path(PENDING_FILE), reason) from error
    pending = [segment for segment in found if segment.file not in known]
    refuse_gaps(target.path(PENDING_FILE), (*manifest.events, *pending))
    return pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """Seals what the reader has behind `there`, in segments of `segment_events` at the most."""

    target: Target
    reader: LogReader
    segment_events: int
    progress: Progress

    def seal(
        self, archived: Sequence[Segment], pending: Sequence[Segment], snapshot: Snapshot
    ) -> list[Segment]:
        """The segments behind `archived`, `pending` among them, up to the snapshot's heads."""
        made = list(pending)
        there = (*archived, *pending)
        last = {shard: found[-1].last_shard_position for shard, found in by_shard(there).items()}
        tails = tails_of(there)
        total = sum(snapshot.positions.values()) - sum(each.rows for each in archived)
        for shard, position in sorted(snapshot.positions.items()):
            walk = Walk(shard=shard, position=last.get(shard, 0), tails=tails)
            while walk.position < position:
                upto = min(position, walk.position + self.segment_events)
                done = sum(each.rows for each in made)
                made.append(self._segment(walk, upto, done, total))
                self.target.put(PENDING_FILE, msgspec.json.encode(made))
                crash_point("archive.after_segment")
        for ledger, head in snapshot.heads.items():
            tail = tails.get(ledger)
            if head.position and (tail is None or tail.chain_hash != head.chain_hash):
                reason = (
                    f"the events of ledger {ledger} do not end with the hash of its head at"
                    f" {head.position}: run `backstock verify`"
                )
                raise OtherStoreError(self.target.name, reason)
        self.progress(total, total)
        return made

    def _segment(self, walk: Walk, upto: int, done: int, total: int) -> Segment:
        first = walk.position + 1
        file = ParquetFile(EVENTS)
        where = f"shard {walk.shard} of the store"
        while walk.position < upto:
            limit = min(PAGE_ROWS, upto - walk.position)
            page = self.reader.read_shard(walk.shard, walk.position, limit)
            for event in page:
                walk.step(where, event)
            if not page:
                raise OtherStoreError(where, f"ends at {walk.position}; {upto} was due")
            file.add(event_columns(page))
            self.progress(done + file.rows, total)
        name = f"{first:0{POSITION_DIGITS}}-{upto:0{POSITION_DIGITS}}.parquet"
        entry = file.seal(self.target, f"events/shard-{walk.shard:0{SHARD_DIGITS}}/{name}")
        return Segment(
            **msgspec.structs.asdict(entry),
            shard=walk.shard,
            first_shard_position=first,
            last_shard_position=upto,
            spans=walk.take_spans(),
        )
