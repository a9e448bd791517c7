"""Rows of the smaller tables as numbered files of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from replay.archive.manifest import FileEntry
from replay.archive.tables import Table, row_columns
from replay.archive.target import ParquetFile, Target

# One file holds so many rows and a page more at the most.
FILE_ROWS: Final = 1_000_000
Pages = Iterable[Sequence[Sequence[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """Files of one run: `number` is in their names, so no later run writes them again."""

    target: Target
    number: int

    def append(self, table: Table, pages: Pages) -> list[FileEntry]:
        """The rows as files in the table's folder; no file when there are no rows."""
        made: list[FileEntry] = []
        file: ParquetFile | None = None
        for page in pages:
            file = file or ParquetFile(table.schema)
            file.add(row_columns(table, page))
            if file.rows >= FILE_ROWS:
                made.append(self._seal(table, file, len(made) + 1))
                file = None
        if file is not None:
            made.append(self._seal(table, file, len(made) + 1))
        return made

    def whole(self, table: Table, pages: Pages) -> FileEntry:
        """The rows as one file, also when there are none."""
        file = ParquetFile(table.schema)
        for page in pages:
            file.add(row_columns(table, page))
        return file.seal(self.target, f"tables/{self.number:06}-{table.name}.parquet")

    def _seal(self, table: Table, file: ParquetFile, number: int) -> FileEntry:
        return file.seal(self.target, f"{table.name}/{self.number:06}-{number:04}.parquet")
