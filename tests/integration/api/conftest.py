import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import clickhouse_connect
import pytest

from tests.api_world import Business, Places, Process, api_process
from tests.parts import Database, SharedParts, migrated_database


@pytest.fixture(scope="session")
def places(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, redis_url: str
) -> Iterator[Places]:
    """Stores that this worker's tests share; each test has a tenant of its own in them."""
    server = urlsplit(shared_parts.address("clickhouse"))
    name = f"test_api_{secrets.token_hex(8)}"
    client = clickhouse_connect.get_client(host=server.hostname or "", port=server.port or 0)
    client.command(f"CREATE DATABASE {name} ENGINE = Atomic")
    with migrated_database(postgres_server, migrated_template) as database:
        yield Places(
            database=database,
            redis_url=redis_url,
            redis_prefix=f"test-api-{secrets.token_hex(8)}",
            clickhouse_url=server._replace(path=f"/{name}").geturl(),
        )
    client.command(f"DROP DATABASE {name} SYNC")
    client.close()


@pytest.fixture(scope="session")
def process(places: Places) -> Iterator[Process]:
    """An API process that this worker's tests share."""
    with api_process(places) as process:
        yield process


@pytest.fixture
def acme(process: Process) -> Iterator[Business]:
    """A business of this test's own."""
    with process.business() as business:
        yield business


@pytest.fixture
def apart(places: Places, postgres_database: Database) -> Iterator[Process]:
    """An API process with a database of its own, which may go down."""
    apart = Places(
        database=postgres_database,
        redis_url=places.redis_url,
        redis_prefix=f"test-api-{secrets.token_hex(8)}",
        clickhouse_url=places.clickhouse_url,
    )
    with api_process(apart) as process:
        yield process
