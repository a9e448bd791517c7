"""Events out of an archive, page by page, as `PostgresReader` gives them out of the log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from eventlog.log import LogGapError, RecordedEvent
from replay.archive.faults import DamagedError
from replay.archive.manifest import Segment, by_shard
from replay.archive.tables import recorded_events
from replay.archive.target import Target


@dataclass(slots=True, kw_only=True)
class _Open:
    """A segment whose hash was checked, and the row group that was read last."""

    segment: Segment
    file: pq.ParquetFile
    starts: Sequence[int]
    number: int = -1
    events: Sequence[RecordedEvent] = ()

    def group_from(self, position: int) -> Sequence[RecordedEvent]:
        """The events from a shard position to the end of its row group."""
        number = bisect_left(self.starts, position + 1) - 1
        if number != self.number:
            table = self.file.read_row_group(number).combine_chunks()
            self.events = [
                event for batch in table.to_batches() for event in recorded_events(batch)
            ]
            self.number = number
        return self.events[position - self.starts[number] :]


class ArchiveReader:
    """The events of a finished archive. Holds one compressed segment and one decoded row group for
    each shard that is read; one thread at a time may read a shard.

    Raises `ArchiveError`s, also for what `trusted` has not signed: a segment's hash is checked
    before anything of it is given out. The chain is not: that is what `check` is for.
    """

    def __init__(self, target: Target, trusted: Ed25519PublicKey | None = None) -> None:
        self.manifest = target.sealed(trusted).manifest
        self._target = target
        self._segments = by_shard(self.manifest.events)
        self._ends = {
            shard: [segment.last_shard_position for segment in segments]
            for shard, segments in self._segments.items()
        }
        self._open: dict[int, _Open] = {}

    def shard_position(self, shard: int) -> int:
        """The shard's last archived position; 0 when it has none."""
        if not 0 <= shard < self.manifest.shards:
            raise LookupError(f"this archive has no shard {shard}")
        return self._ends[shard][-1] if shard in self._ends else 0

    def read_shard(self, shard: int, after: int, limit: int) -> Sequence[RecordedEvent]:
        """Events with shard position in (after, after + limit], contiguous."""
        events: list[RecordedEvent] = []
        end = min(self.shard_position(shard), after + limit)
        while (position := after + len(events) + 1) <= end:
            found = self._opened(shard, position).group_from(position)
            events += found[: end - position + 1]
            if not found or events[-1].shard_position != after + len(events):
                last = events[-1].shard_position if events else after
                raise LogGapError(shard, position, last)
        return events

    def _opened(self, shard: int, position: int) -> _Open:
        segment = self._segments[shard][bisect_left(self._ends[shard], position)]
        known = self._open.get(shard)
        if known is not None and known.segment is segment:
            return known
        content = self._target.read(segment)
        try:
            file = pq.ParquetFile(BytesIO(content))
        except pa.ArrowException as error:
            where = self._target.path(segment.file)
            raise DamagedError(where, f"cannot be decoded: {error}") from error
        starts, start = [], segment.first_shard_position
        for group in range(file.num_row_groups):
            starts.append(start)
            start += file.metadata.row_group(group).num_rows
        self._open[shard] = _Open(segment=segment, file=file, starts=starts)
        return self._open[shard]
