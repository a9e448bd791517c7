from collections.abc import Iterator

import pytest

from tests.api_world import Business, Process, api_process
from tests.parts import migrated_database


@pytest.fixture(scope="session")
def process(postgres_server: str, migrated_template: str) -> Iterator[Process]:
    """An API process that this worker's tests share; each has a tenant of its own in it."""
    with (
        migrated_database(postgres_server, migrated_template) as database,
        api_process(database) as process,
    ):
        yield process


@pytest.fixture
def acme(process: Process) -> Iterator[Business]:
    with process.business() as business:
        yield business
