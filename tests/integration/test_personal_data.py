"""Keys of subjects: made once each, usable by nobody who has the database alone, and gone for good
when somebody is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from api.personal import Destination, Opening, Sealing
from api.personal_sealing import KEY_BYTES, WrappingKey
from api.problems import Problem
from commands.personal import ShipTo
from commands.submission import subject_id
from eventlog.postgres.connections import Pool, open_log_pool, open_read_pool, tenant_transaction
from eventlog.postgres.identity import add_tenant
from ops.forgetting import ForgettingError, forget, forget_again, forget_foreign
from ops.main import app
from ops.stack.backup import back_up, restore
from ops.stack.directory import DataDirectory
from replay.archive.tables import COMMAND_KEYS, SIGNED_HEADS, WHOLE
from tests.parts import Database

WRAPPING = WrappingKey(b"a secret beside the stores")
ADA = ShipTo(name="Ada Byron", address_lines=("12 St James's Square",), city="London", country="GB")
SUBJECT = subject_id(b"secret", "customer", "C-77")


@pytest.fixture
def pool(postgres_database: Database) -> Iterator[Pool]:
    pool = open_log_pool(postgres_database.log, size=8, name="personal")
    for tenant in ("acme", "bolt"):
        add_tenant(pool, tenant, tenant, subject_secret=b"secret")
    yield pool
    pool.close()


def destination(order_id: str = "o-1", subject: str = SUBJECT) -> Destination:
    return Destination(subject=subject, order_id=order_id, ship_to=ADA)


def opened(database: Database, sealed: str, *, tenant: str = "acme") -> ShipTo | None:
    """What a reader who may is shown."""
    reads = open_read_pool(database.read, size=1, name="reader")
    try:
        with tenant_transaction(reads, tenant) as connection:
            place = (tenant, SUBJECT, "o-1")
            return Opening(WRAPPING).ship_to(connection, place, sealed)
    finally:
        reads.close()


def test_what_is_sealed_is_opened_for_its_tenant(pool: Pool, postgres_database: Database) -> None:
    (sealed,) = Sealing(pool, WRAPPING).seal("acme", [destination()])
    assert "Ada" not in sealed
    assert opened(postgres_database, sealed) == ADA
    assert opened(postgres_database, sealed, tenant="bolt") is None


def test_the_same_order_sent_again_is_the_same_sealed_text(pool: Pool) -> None:
    first = Sealing(pool, WRAPPING).seal("acme", [destination()])
    assert Sealing(pool, WRAPPING).seal("acme", [destination()]) == first
    assert Sealing(pool, WRAPPING).seal("acme", [destination("o-2")]) != first


def test_many_who_seal_for_a_new_subject_at_once_use_one_key(pool: Pool) -> None:
    sealing = Sealing(pool, WRAPPING)
    subjects = [subject_id(b"secret", "customer", str(number)) for number in range(20)]
    destinations = [destination(subject=subject) for subject in subjects]
    with ThreadPoolExecutor(8) as threads:
        ways = (destinations, destinations[::-1])
        found = list(threads.map(lambda n: sealing.seal("acme", ways[n % 2]), range(16)))
    assert {tuple(each) for each in found[::2]} == {tuple(found[0])}
    assert {tuple(each[::-1]) for each in found[1::2]} == {tuple(found[0])}
    with pool.connection() as connection:
        row = connection.execute("SELECT count(*) FROM subject_keys").fetchone()
    assert row == (20,)


def test_the_database_alone_opens_nothing(pool: Pool, postgres_database: Database) -> None:
    made: list[bytes] = []

    def remembered(count: int) -> bytes:
        made.append(bytes(range(len(made), len(made) + count)))
        return made[-1]

    Sealing(pool, WRAPPING, random_bytes=remembered).seal("acme", [destination()])
    (key,) = [each for each in made if len(each) == KEY_BYTES]
    with psycopg.connect(postgres_database.admin) as connection:
        rows = connection.execute("SELECT wrapped_key FROM subject_keys").fetchall()
    assert rows
    assert not [wrapped for (wrapped,) in rows if key[:16] in wrapped]


def test_who_is_forgotten_cannot_be_read_any_more(
    pool: Pool, postgres_database: Database, tmp_path: Path
) -> None:
    sealing = Sealing(pool, WRAPPING)
    (sealed,) = sealing.seal("acme", [destination()])
    (theirs,) = sealing.seal("bolt", [destination()])
    done = forget(postgres_database.log, tmp_path, "acme", "C-77")
    assert (done.subject, done.known) == (SUBJECT, True)
    assert opened(postgres_database, sealed) is None
    assert opened(postgres_database, theirs, tenant="bolt") == ADA
    assert not forget(postgres_database.log, tmp_path, "acme", SUBJECT).known
    # Whoever comes again gets another key: what was forgotten stays so.
    (again,) = sealing.seal("acme", [destination()])
    assert again != sealed
    assert opened(postgres_database, again) == ADA
    assert opened(postgres_database, sealed) is None


def test_forgetting_deletes_the_name_behind_the_subject(
    pool: Pool, postgres_database: Database, tmp_path: Path
) -> None:
    with pool.connection() as connection:
        connection.execute(
            "INSERT INTO subjects VALUES ('acme', %s, 'customer', 'C-77')", (SUBJECT,)
        )
        assert forget(postgres_database.log, tmp_path, "acme", "C-77").known
        assert connection.execute("SELECT * FROM subjects").fetchall() == []
    with pytest.raises(ForgettingError, match="no tenant 'none'"):
        forget(postgres_database.log, tmp_path, "none", "C-77")


def test_forgetting_from_the_command_line(
    pool: Pool, postgres_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTOCK_POSTGRES_LOG_DSN", postgres_database.log)
    Sealing(pool, WRAPPING).seal("acme", [destination()])
    named = ["forget", "acme", "C-77", "--data", str(tmp_path), "--json"]
    for known in (True, False):
        done = CliRunner().invoke(app, named)
        assert json.loads(done.stdout) == {"tenant": "acme", "subject": SUBJECT, "known": known}
    Sealing(pool, WRAPPING).seal("acme", [destination()])
    foreign = CliRunner().invoke(app, ["forget", "--foreign", "--data", str(tmp_path), "--json"])
    assert json.loads(foreign.stdout) == {"forgotten": 1}
    kept = (tmp_path / "personal" / "forgotten").read_text().split()
    assert len(kept) == 2
    unsure = CliRunner().invoke(app, ["forget", "acme", "C-77", "--data", str(tmp_path)], input="n")
    assert unsure.exit_code != 0
    assert isinstance(CliRunner().invoke(app, ["forget", "acme"]).exception, ForgettingError)


def test_a_restored_backup_forgets_again(
    pool: Pool, postgres_database: Database, tmp_path: Path
) -> None:
    (sealed,) = Sealing(pool, WRAPPING).seal("acme", [destination()])
    with psycopg.connect(postgres_database.admin) as connection:
        connection.execute("CREATE TABLE backup AS TABLE subject_keys")
    forget(postgres_database.log, tmp_path, "acme", "C-77")
    with psycopg.connect(postgres_database.admin) as connection:
        connection.execute("INSERT INTO subject_keys TABLE backup")
    assert opened(postgres_database, sealed) == ADA
    forget_again(postgres_database.log, tmp_path)
    assert opened(postgres_database, sealed) is None
    # Those who came again since are left alone.
    (again,) = Sealing(pool, WRAPPING).seal("acme", [destination()])
    forget_again(postgres_database.log, tmp_path)
    assert opened(postgres_database, again) == ADA


def test_keys_of_another_deployment_are_refused_and_can_be_forgotten(
    pool: Pool, postgres_database: Database, tmp_path: Path
) -> None:
    other = WrappingKey(b"another data directory")
    (sealed,) = Sealing(pool, other).seal("acme", [destination()])
    with pytest.raises(Problem, match="personal_key"):
        Sealing(pool, WRAPPING).seal("acme", [destination()])
    with pytest.raises(Problem, match="personal_key"):
        opened(postgres_database, sealed)
    assert forget_foreign(postgres_database.log, tmp_path, WRAPPING.name) == 1
    (anew,) = Sealing(pool, WRAPPING).seal("acme", [destination()])
    assert opened(postgres_database, anew) == ADA
    assert opened(postgres_database, sealed) is None


def test_an_altered_text_is_no_forgotten_one(pool: Pool, postgres_database: Database) -> None:
    (sealed,) = Sealing(pool, WRAPPING).seal("acme", [destination()])
    with pytest.raises(Problem, match="does not open with its key"):
        opened(postgres_database, sealed[:-12] + "A" * 12)


def test_the_read_role_makes_and_deletes_no_key(postgres_database: Database) -> None:
    with psycopg.connect(postgres_database.read, autocommit=True) as connection:
        for statement in ("DELETE FROM subject_keys", "TRUNCATE subject_keys"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with psycopg.connect(postgres_database.log, autocommit=True) as connection:
        for statement in ("UPDATE subject_keys SET wrapped_key = ''", "TRUNCATE subject_keys"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_an_archive_holds_no_key_of_a_subject() -> None:
    assert "subject_keys" not in {table.name for table in (*WHOLE, COMMAND_KEYS, SIGNED_HEADS)}


def test_a_backup_holds_nothing_that_opens_personal_data(tmp_path: Path) -> None:
    directory = DataDirectory(root=tmp_path / "data")
    secret = directory.personal_secret()
    assert directory.personal_secret() == secret
    (directory.personal / "forgotten").write_text("0011223344556677\n")
    directory.secret("postgres-log")
    back_up(directory, tmp_path / "backup.tar.gz")
    restore(tmp_path / "backup.tar.gz", again := DataDirectory(root=tmp_path / "again"))
    kept = [path for path in again.root.rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["postgres-log"]
    assert again.personal_secret() != secret
