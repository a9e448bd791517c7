"""The steps of a replay from a machine that knows the stores by their addresses alone."""

import shutil
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from ops.settings import Settings
from ops.stores import LOG_ROLE, Stores
from tests.e2e.conftest import Stack, backstock

pytestmark = pytest.mark.long

VARIABLES = {
    "BACKSTOCK_POSTGRES_DSN": "postgres",
    "BACKSTOCK_KAFKA_BOOTSTRAP": "kafka",
    "BACKSTOCK_REDIS_URL": "redis",
    "BACKSTOCK_CLICKHOUSE_URL": "clickhouse",
}


@pytest.fixture
def elsewhere(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the environment, and the key that signs; no stack runs on this data directory.

    The log is not empty.
    """
    command = {"type": "register_item", "key": "item", "sku": "A-1", "name": "Lamp"}
    with stack.client(stack.tenant("elsewhere")) as client:
        assert all(each.accepted for each in client.submit_bulk([command]).results)
    stores = Stores.of(Settings(data=stack.data))
    shutil.copytree(stores.keys_directory, tmp_path / "keys")
    for variable, name in VARIABLES.items():
        monkeypatch.setenv(variable, stack.facts[name])
    login = {"user": LOG_ROLE, "password": stores.log_password}
    log_dsn = make_conninfo(stack.facts["postgres"], **login)
    monkeypatch.setenv("BACKSTOCK_POSTGRES_LOG_DSN", log_dsn)
    monkeypatch.setenv("BACKSTOCK_DATA", str(tmp_path))


@pytest.mark.usefixtures("elsewhere")
def test_every_step_of_a_replay_goes_by_address_settings_alone() -> None:
    names = ("stock_levels", "availability")
    seen = []
    for step in (
        ("plan", *names, "--anyway"),
        ("run", *names),
        ("status", *names),
        ("diff", *names),
        ("promote", *names),
        ("rollback", *names),
        ("retire", *names),
    ):
        done = backstock("replay", *step, "--json")
        assert done.code == 0, (step, done.stderr)
        seen.append(done.json.get("state"))
    assert seen == [
        "planned",
        "following",
        "following",
        None,
        "promoted",
        "rolled_back",
        "retired",
    ]
