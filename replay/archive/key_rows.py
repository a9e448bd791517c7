"""Command keys and signed heads that the archive does not have yet.

Neither bears a position of its own. But their rows are only ever added, so a count of those before
a mark tells whether there are others than the archived ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from eventlog.chain import microseconds
from replay.archive.files import RunFiles
from replay.archive.manifest import FileEntry, KeyMark, Manifest
from replay.archive.snapshot import HEADS_BEHIND, KEYS, LONG_AGO, KeyCount, Snapshot, instant
from replay.archive.tables import COMMAND_KEYS, SIGNED_HEADS, rows_of
from replay.archive.target import Target

LEDGER, KEY, RECORDED_AT = 0, 1, 8


def new_command_keys(
    files: RunFiles, before: Manifest, snapshot: Snapshot
) -> tuple[list[FileEntry], dict[str, KeyMark]]:
    """The files written, and the marks of every ledger after them. No key is in two files."""
    marks = dict(before.key_marks)
    archived = partial(_archived_keys, files.target, before)

    def pages() -> Iterator[list[tuple[Any, ...]]]:
        for count in snapshot.key_counts(marks):
            mark = marks.get(count.ledger)
            if mark is not None and mark.rows == count.rows:
                continue
            choice = NewKeys(count, mark)
            if choice.has_stragglers:
                choice.known |= archived(count.ledger)
            for page in snapshot.pages(KEYS, (count.ledger, choice.since)):
                if rows := choice.of(page):
                    yield rows
            marks[count.ledger] = choice.mark()

    return files.append(COMMAND_KEYS, pages()), marks


class NewKeys:
    """Picks the rows of one ledger's keys that are not archived: those from `since` on, unless
    their key is `known`.

    With stragglers - a writer whose clock was behind has recorded a refusal before the mark - all
    are read again, and the caller makes all archived keys known.
    """

    def __init__(self, count: KeyCount, mark: KeyMark | None) -> None:
        self._count = count
        self._edge: list[str] = []
        self.has_stragglers = mark is not None and count.rows_before != mark.rows_before
        if mark is None or self.has_stragglers:
            self.since, self.known, self._rows_before = LONG_AGO, set[str](), 0
        else:
            self.since, self.known = instant(mark.watermark), set(mark.edge)
            self._rows_before = mark.rows_before

    def of(self, page: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The new ones of a page of COMMAND_KEYS."""
        for row in page:
            if row[RECORDED_AT] == self._count.latest:
                self._edge.append(row[KEY])
            else:
                self._rows_before += 1
        return [row for row in page if row[KEY] not in self.known]

    def mark(self) -> KeyMark:
        """How far the ledger is archived after its last page."""
        assert self._rows_before + len(self._edge) == self._count.rows, "all of one snapshot"
        return KeyMark(
            rows=self._count.rows,
            watermark=microseconds(self._count.latest),
            rows_before=self._rows_before,
            edge=tuple(sorted(self._edge)),
        )


def new_signed_heads(
    files: RunFiles, before: Manifest, snapshot: Snapshot
) -> tuple[list[FileEntry], dict[str, int]]:
    """The files written, and each ledger's last signed position after them."""
    last = dict(before.signed_up_to)
    known = (list(last), list(last.values()))

    def pages() -> Iterator[Sequence[tuple[Any, ...]]]:
        for page in snapshot.pages(HEADS_BEHIND, known):
            last.update((row[0], row[1]) for row in page)
            yield page

    return files.append(SIGNED_HEADS, pages()), last


def _archived_keys(target: Target, manifest: Manifest, ledger: str) -> set[str]:
    return {
        row[KEY]
        for entry in manifest.command_keys
        for batch in target.batches(entry, COMMAND_KEYS.schema)
        for row in rows_of(batch)
        if row[LEDGER] == ledger
    }
