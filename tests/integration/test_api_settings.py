"""What the API process asks and is told, from the settings it is run with."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from eventlog.projection import StoreUnavailableError
from ops.processes.api import checks_of, settings_of
from ops.settings import Settings
from ops.stack import ports
from ops.stack.directory import DataDirectory
from ops.stores import Stores
from tests.parts import Database

TOKEN = "a-token-for-scrapers"


def stores(root: Path, database: Database, kafka: str) -> Stores:
    settings = Settings(
        data=root,
        postgres_log_dsn=SecretStr(database.log),
        postgres_read_dsn=SecretStr(database.read),
        metrics_token=SecretStr(TOKEN),
    )
    return Stores(
        settings=settings,
        directory=DataDirectory(root=root),
        addresses={"postgres": database.admin, "kafka": kafka},
    )


def test_readiness_asks_the_migrations_and_kafka(
    tmp_path: Path, postgres_database: Database, kafka_bootstrap: str
) -> None:
    checks = {
        check.name: check
        for check in checks_of(stores(tmp_path, postgres_database, kafka_bootstrap))
    }
    assert {name: check.required for name, check in checks.items()} == {
        "migrations": True,
        "kafka": False,
    }
    for check in checks.values():
        check.check()


def test_brokers_that_do_not_answer_are_told(tmp_path: Path, postgres_database: Database) -> None:
    nowhere = f"127.0.0.1:{ports.choose(set())}"
    checks = {
        check.name: check for check in checks_of(stores(tmp_path, postgres_database, nowhere))
    }
    with pytest.raises(StoreUnavailableError):
        checks["kafka"].check()


def test_the_token_for_scrapers_is_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKSTOCK_METRICS_TOKEN", TOKEN)
    found = Stores(
        settings=Settings(data=tmp_path), directory=DataDirectory(root=tmp_path), addresses={}
    )
    assert settings_of(found).metrics_token == TOKEN
