"""Which versions a release feeds: those that its own code has built, or is said to mean alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.store_figures import StoreFigures
from domain.events import LocationRegistered
from ops.processes.refusals import refusal, tell
from ops.processes.standing import standing_in
from replay.adopting import NoProjectionError, adopt
from tests.parts import Database
from tests.replay_side import ALL, World, world

OTHER_CODE = """
UPDATE projections SET fingerprints = fingerprints || '{"stock.returned.v1": "x"}'
 WHERE projection = 'stock_levels' AND version = %s
"""


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        opened.log.append(opened.log.ledger("main"), LocationRegistered(location="WH", name="WH"))
        yield opened


def changed_code(stores: World, version: int) -> None:
    with stores.log.pool.connection() as connection:
        connection.execute(OTHER_CODE.encode(), (version,))


def why_not(stores: World, projection: str = "stock_levels", version: int = 1) -> str | None:
    return refusal(stores.log.pool, stores.version(projection, version))


def test_a_release_feeds_what_its_own_code_has_built(stores: World) -> None:
    assert [why_not(stores, each) for each in ALL] == [None] * len(ALL)


def test_a_version_built_by_other_code_is_refused_and_the_types_are_named(stores: World) -> None:
    changed_code(stores, 1)
    why = why_not(stores)
    assert why is not None
    assert "stock.returned.v1" in why
    assert "`backstock replay adopt stock_levels`" in why


def test_what_is_read_and_not_fed_is_told_with_the_standing_of_its_role(
    stores: World, postgres_database: Database
) -> None:
    assert "not_fed" not in standing_in(postgres_database.log)["stock_levels"]
    changed_code(stores, 1)
    told = standing_in(postgres_database.log)
    assert [name for name in told if "not_fed" in told[name]] == ["stock_levels"]
    assert told["stock_levels"]["not_fed"].startswith("stock_levels v1 is not fed: ")
    figures = StoreFigures(stores.log.pool, clock=lambda: datetime.now(UTC)).collect()
    (gauge,) = [each for each in figures if each.name == "projection_not_fed"]
    refused = {each.labels["projection"] for each in gauge.samples if each.value}
    assert (refused, len(gauge.samples)) == ({"stock_levels"}, len(ALL))


def test_a_version_of_an_edition_that_is_not_here_is_refused(stores: World) -> None:
    with stores.log.pool.connection() as connection:
        connection.execute("UPDATE projections SET edition = 'of tomorrow'")
    assert "'of tomorrow'" in (why_not(stores) or "")


def test_of_a_version_entered_before_there_were_fingerprints_nothing_is_held_against_it(
    stores: World,
) -> None:
    with stores.log.pool.connection() as connection:
        connection.execute("UPDATE projections SET fingerprints = '{}'")
    assert why_not(stores) is None


def test_adopted_code_feeds_every_version_that_is_fed_and_no_other(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    changed_code(stores, 1)
    changed_code(stores, 2)
    (adopted,) = adopt(stores.log.pool, ["stock_levels"])
    assert (adopted.version, adopted.types) == (1, ("stock.returned.v1",))
    assert why_not(stores) is None
    assert why_not(stores, version=2) is not None  # It is building still: planned anew.
    assert adopt(stores.log.pool, ["stock_levels"]) == []
    assert stores.replay(replay_id).state == "planned"


def test_a_read_model_there_is_not_cannot_be_adopted(stores: World) -> None:
    with pytest.raises(NoProjectionError, match="'stock_level': stock_levels, orders"):
        adopt(stores.log.pool, ["stock_level"])


def test_the_open_replay_says_which_of_its_versions_is_not_fed(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    stores.run(replay_id)
    older, newer = stores.version("stock_levels", 1), stores.version("stock_levels", 2)
    tell(stores.log.pool, newer, "ValueError: a fault")
    assert stores.replay(replay_id).error == "stock_levels v2 is not fed: ValueError: a fault"
    tell(stores.log.pool, older, None)
    assert stores.replay(replay_id).error is not None
    tell(stores.log.pool, newer, None)
    assert stores.replay(replay_id).error is None
