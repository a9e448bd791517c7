"""The numbered .sql files as Alembic revisions: forward only, in the order of their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import sqlalchemy
from alembic.script import Script, ScriptDirectory

NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlFile:
    number: str
    path: Path
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


class MigrationNameError(Exception):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path.name}: a migration is named NNNN_what_it_adds.sql, and no two share a number"
        )
        self.path = path


def sql_files(directory: Path) -> tuple[SqlFile, ...]:
    """Every migration of a directory, by number. Raises `MigrationNameError`."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        if (name := NAME.fullmatch(path.name)) is None:
            raise MigrationNameError(path)
        found.append(SqlFile(number=name["number"], path=path, sql=path.read_text("utf-8")))
    for one, other in pairwise(found):
        if one.number == other.number:
            raise MigrationNameError(other.path)
    return tuple(found)


class SqlScripts(ScriptDirectory):
    """Alembic's script directory over .sql files: each one's ancestor is the one before it."""

    def __init__(self, directory: Path, files: Sequence[SqlFile]) -> None:
        super().__init__(str(directory))
        self._files = files

    def _load_revisions(self) -> Iterator[Script]:
        ancestor: str | None = None
        for file in self._files:
            yield Script(_as_module(file, ancestor), file.number, file.path)
            ancestor = file.number


def _as_module(file: SqlFile, ancestor: str | None) -> ModuleType:
    def upgrade(connection: sqlalchemy.Connection) -> None:
        connection.connection.cursor().execute(file.sql)

    module = ModuleType(file.path.stem, doc=file.path.name)
    vars(module).update(revision=file.number, down_revision=ancestor, upgrade=upgrade)
    return module
