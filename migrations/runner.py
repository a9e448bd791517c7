"""Brings a store to this code's shape: every pending file in one transaction, once, forward only.

Several starters may call `migrate` at the same time: one does the work, the others wait and find
it done. An applied file that was edited or removed since, and a store that is newer than this code,
are refused before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
import sqlalchemy
from alembic.migration import MigrationContext
from alembic.runtime.migration import MigrationStep, RevisionStep
from psycopg import sql

from migrations.roles import OWNER, admit_roles, ensure_roles
from migrations.sql_files import SqlFile, SqlScripts, sql_files

POSTGRES_FILES = Path(__file__).parent / "postgres"
# Any number will do, as long as every version of this code takes the same.
MIGRATION_LOCK = 0x6261636B73746F6B
LOCK_SECONDS_MAX = 120
NEW_STORE_SHARDS = 16
ASK_SECONDS_MAX = 3


class MigrationEditedError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not what was applied to this store: restore it, and add a new file instead"
        )
        self.name = name


class MigrationOrderError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} comes before a file that is applied already: number it last")
        self.name = name


class StoreNewerError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"this store has {name}, which this code does not: run a newer version")
        self.name = name


class PendingMigrationError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"this store has not had {name}: run `backstock migrate`")
        self.name = name


class ShardCountError(Exception):
    def __init__(self, stored: int, wanted: int) -> None:
        super().__init__(f"this store was made with {stored} shards for ever; {wanted} were asked")
        self.stored = stored
        self.wanted = wanted


def migrate(
    admin_dsn: str,
    *,
    log_password: str,
    read_password: str,
    shards: int | None = None,
    directory: Path = POSTGRES_FILES,
) -> None:
    """Make roles, apply what is pending, fix the number of shards at the first time. Blocks.

    `shards`: None takes what the store has, NEW_STORE_SHARDS when it is new. The admin may create
    roles that bypass row-level security. Raises the errors above,
    `MigrationNameError`, and psycopg's own when the database is out of reach or refuses; then
    nothing was changed but the roles.
    """
    files = sql_files(directory)
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        ensure_roles(admin, log_password=log_password, read_password=read_password)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(admin_dsn),
        poolclass=sqlalchemy.NullPool,
    )
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError(f"not psycopg's connection: {driver!r}")
        driver.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(f"{LOCK_SECONDS_MAX}s"))
        driver.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        admit_roles(driver)
        driver.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
        driver.execute("SET LOCAL search_path = public")
        pending = _pending(files, _applied(driver))
        _upgrade(connection, directory, files)
        _remember(driver, pending)
        _fix_shards(driver, shards)


def refuse_unmigrated(dsn: str, *, directory: Path = POSTGRES_FILES) -> None:
    """Return when the store has had every file of this code; it may have had newer ones as well.

    Any of our roles may ask. Raises PendingMigrationError, MigrationEditedError, and psycopg's own.
    """
    with psycopg.connect(dsn, autocommit=True, connect_timeout=ASK_SECONDS_MAX) as connection:
        applied: dict[str, str] = dict(
            connection.execute("SELECT name, checksum FROM applied_migrations")
        )
    for file in sql_files(directory):
        if file.path.name not in applied:
            raise PendingMigrationError(file.path.name)
        if applied[file.path.name] != file.checksum:
            raise MigrationEditedError(file.path.name)


def _applied(driver: psycopg.Connection) -> Mapping[str, str]:
    """File name -> checksum of what this store has had."""
    driver.execute(
        "CREATE TABLE IF NOT EXISTS applied_migrations ("
        " name text PRIMARY KEY, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    driver.execute("GRANT SELECT ON applied_migrations TO backstock_log, backstock_read")
    return dict(driver.execute("SELECT name, checksum FROM applied_migrations"))


def _pending(files: Sequence[SqlFile], applied: Mapping[str, str]) -> Sequence[SqlFile]:
    known = {file.path.name for file in files}
    if newer := sorted(applied.keys() - known):
        raise StoreNewerError(newer[0])
    for file in files:
        if applied.get(file.path.name, file.checksum) != file.checksum:
            raise MigrationEditedError(file.path.name)
    for file in files[: len(applied)]:
        if file.path.name not in applied:
            raise MigrationOrderError(file.path.name)
    return files[len(applied) :]


def _upgrade(connection: sqlalchemy.Connection, directory: Path, files: Sequence[SqlFile]) -> None:
    scripts = SqlScripts(directory, files)

    def steps(applied: tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        latest_first = scripts.iterate_revisions("head", applied, implicit_base=True)
        return [
            MigrationStep.upgrade_from_script(scripts.revision_map, script)
            for script in reversed(list(latest_first))
        ]

    context = MigrationContext.configure(connection, opts={"fn": steps})
    context.run_migrations(connection=connection)


def _remember(driver: psycopg.Connection, pending: Sequence[SqlFile]) -> None:
    with driver.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO applied_migrations (name, checksum) VALUES (%s, %s)",
            [(file.path.name, file.checksum) for file in pending],
        )


def _fix_shards(driver: psycopg.Connection, wanted: int | None) -> None:
    driver.execute(
        "INSERT INTO store_identity (shards) VALUES (%s) ON CONFLICT DO NOTHING",
        (wanted or NEW_STORE_SHARDS,),
    )
    ((stored,),) = driver.execute("SELECT shards FROM store_identity").fetchall()
    if wanted is not None and stored != wanted:
        raise ShardCountError(stored, wanted)
    driver.execute(
        "INSERT INTO shards (shard) SELECT generate_series(0, %s - 1) ON CONFLICT DO NOTHING",
        (stored,),
    )
