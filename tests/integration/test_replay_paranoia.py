"""The check for determinism while stores come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventlog.projection import StoreUnavailableError
from ops.replaying import Replaying
from projections.movements.schema import every_table
from replay.determinism import checksums
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import World, world


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        yield opened


def test_an_outage_in_a_check_is_waited_out_though_its_copy_is_dropped_by_halves(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look at the second build meets an outage, and its drop dies half-way."""
    stores.log.append_dated(stores.log.ledger("main"), year(3, 100))
    replay_id = stores.plan("movements")
    faults: list[Exception] = [StoreUnavailableError("ClickHouse", OSError("away"))]
    drops: list[Exception] = [OSError("away")]

    def met(known: Callable[..., Any], faults: list[Exception]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            if faults:
                raise faults.pop()
            return known(*values, **named)

        return call

    monkeypatch.setattr("replay.paranoia.checksums", met(checksums, faults))
    monkeypatch.setattr(Replaying, "drop", met(Replaying.drop, drops))
    stores.run(replay_id, paranoid=True)
    assert (faults, drops) == ([], [])
    assert stores.replay(replay_id).state == "following"
    tables = {row[0] for row in stores.clients.clickhouse.query("SHOW TABLES").result_rows}
    for version in (3, 4):
        assert stores.version("movements", version).state == "retired"
        assert not tables & {table.name for table in every_table(version)}
