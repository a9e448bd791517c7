"""One partition's records against the store, range by range, in the order of their offsets.

Records whose positions follow one another make a run. A run is compared with the store by one
hash; only when that differs are its records looked at one by one. Positions that a run leaves out
are a gap, which later records may still fill: then they are out of order, otherwise missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from replay.reconcile.record_parts import Parts, first_unlike, position_of, range_hash
from replay.reconcile.report import RecordDifference, ShardReport

RANGE_RECORDS_MAX = 1_000
# More than these are missing without waiting for a record that comes late.
GAPS_MAX = 1_000
Wanted = Callable[[int, int], Sequence[Parts]]
"""(first position, how many) to what the records must be; fewer beyond the store's head."""


class ShardComparison:
    """`report.head` is the store's head as of after the partition's end was asked for."""

    def __init__(self, report: ShardReport, wanted: Wanted, *, trim_allowed: bool) -> None:
        self._report = report
        self._wanted = wanted
        self._trim_allowed = trim_allowed
        self._run: list[Parts] = []
        self._first = 0  # position and offset of the run's first record
        self._offset = 0
        self._gaps: list[tuple[int, int]] = []
        self._hash = sha256()

    def record(self, offset: int, parts: Parts) -> None:
        """The next record of the partition."""
        self._report.records += 1
        try:
            position = position_of(parts)
        except ValueError as error:
            self._close()
            self._foreign(offset, None, error)
            return
        if (
            not self._run
            or position != self._first + len(self._run)
            or offset != self._offset + len(self._run)
            or len(self._run) >= RANGE_RECORDS_MAX
        ):
            self._close()
            self._first, self._offset = position, offset
        self._run.append(parts)

    def end(self, published: int) -> ShardReport:
        """All was read. `published`: what the relay said before the end was asked for."""
        self._close()
        report = self._report
        due = min(published, report.head)
        if due > report.reached:
            if report.first_position is None and self._trim_allowed and report.begin > 0:
                report.trimmed = True
            else:
                self._gaps.append((report.reached + 1, due))
        for first, last in self._gaps:
            self._missing(first, last)
        report.hash = self._hash.hexdigest()
        return report

    def _close(self) -> None:
        run = self._run
        if not run:
            return
        wanted = self._wanted(self._first, len(run))
        self._report.ranges += 1
        found = range_hash(run)
        self._hash.update(found)
        if len(wanted) != len(run) or range_hash(wanted) != found:
            self._explain(run, wanted)
        self._place(self._first, self._first + min(len(run), len(wanted)) - 1)
        self._run = []

    def _explain(self, run: list[Parts], wanted: Sequence[Parts]) -> None:
        for number, (want, have) in enumerate(zip(wanted, run, strict=False)):
            unlike = first_unlike(want, have)
            if unlike is not None:
                self._report.differ(
                    RecordDifference(
                        kind="altered",
                        shard=self._report.shard,
                        position=self._first + number,
                        offset=self._offset + number,
                        part=unlike.part,
                        expected=unlike.expected,
                        found=unlike.found,
                    )
                )
        for number in range(len(wanted), len(run)):
            ahead = f"the store ends at {self._report.head}"
            self._foreign(self._offset + number, self._first + number, ahead)

    def _place(self, first: int, last: int) -> None:
        """Note where a run stands among the positions seen so far."""
        report = self._report
        if last < first:
            return
        if report.first_position is None:
            report.first_position = first
            if first > 1 and self._trim_allowed and report.begin > 0:
                report.trimmed = True
                report.reached = first - 1
        if first > report.reached + 1:
            self._gap(report.reached + 1, first - 1)
        elif first <= report.reached:
            late = self._fill(first, min(last, report.reached))
            report.repeats += min(last, report.reached) - first + 1 - late
        report.first_position = min(report.first_position, first)
        report.reached = max(report.reached, last)

    def _gap(self, first: int, last: int) -> None:
        if len(self._gaps) >= GAPS_MAX:
            self._missing(*self._gaps.pop(0))
        self._gaps.append((first, last))

    def _fill(self, first: int, last: int) -> int:
        """How many of these positions had been passed over: they came late."""
        late, left = 0, []
        for start, stop in self._gaps:
            begin, end = max(start, first), min(stop, last)
            if begin > end:
                left.append((start, stop))
                continue
            late += end - begin + 1
            left += [gap for gap in ((start, begin - 1), (end + 1, stop)) if gap[0] <= gap[1]]
            self._report.differ(
                RecordDifference(
                    kind="out_of_order",
                    shard=self._report.shard,
                    position=begin,
                    offset=self._offset + begin - self._first,
                    part="",
                    expected=f"before position {stop + 1}",
                    found=f"after position {self._report.reached}",
                ),
                end - begin + 1,
            )
        self._gaps = left
        return late

    def _missing(self, first: int, last: int) -> None:
        positions = f"position {first}" if first == last else f"positions {first} to {last}"
        self._report.differ(
            RecordDifference(
                kind="missing",
                shard=self._report.shard,
                position=first,
                offset=None,
                part="",
                expected=f"a record for {positions}",
                found=f"none between offsets {self._report.begin} and {self._report.end}",
            ),
            last - first + 1,
        )

    def _foreign(self, offset: int, position: int | None, reason: object) -> None:
        self._report.differ(
            RecordDifference(
                kind="foreign",
                shard=self._report.shard,
                position=position,
                offset=offset,
                part="",
                expected="a record of an event of this store",
                found=f"another: {reason}",
            )
        )
