"""The segments of an archive in the hands of others: the statements of docs/archive.md, run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import clickhouse_connect
import pandas as pd
import psycopg
import pytest
from clickhouse_connect.driver.client import Client

from tests.archives import Archived
from tests.parts import SharedParts
from tests.stories import STORY, busy
from tests.whole_store import WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")

DOCUMENT = (Path(__file__).parents[2] / "docs" / "archive.md").read_text()


def statement(title: str, archived: Archived) -> str:
    """The document's statement of that title, on this archive."""
    found = re.search(rf"```sql\n-- {title}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return found[1].replace("ARCHIVE", str(archived.place))


@pytest.fixture
def store(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[WholeStore]:
    """A business with every kind of event, folded by the projections."""
    with (
        places_of(shared_parts, postgres_server, migrated_template, tmp_path) as places,
        whole_store(places) as found,
    ):
        found.tell(*STORY, busy(seed=7, count=60))
        found.catch_up()
        yield found


@pytest.fixture
def archived(store: WholeStore, tmp_path: Path) -> Archived:
    made = Archived(
        database=store.database, place=tmp_path / "archive", key=store.places.head_key()
    )
    made.write(segment_events=50)
    return made


@pytest.fixture
def clickhouse(store: WholeStore) -> Iterator[Client]:
    with closing(clickhouse_connect.get_client(dsn=store.places.clickhouse_url)) as client:
        yield client


def test_clickhouse_reads_the_segments_as_they_are(
    archived: Archived, store: WholeStore, clickhouse: Client
) -> None:
    found = clickhouse.query(statement("per ledger", archived)).result_rows
    with psycopg.connect(store.database.admin) as connection:
        expected = connection.execute(
            "SELECT ledger, count(*), max(ledger_position), min(occurred_at) FROM events"
            " GROUP BY ledger ORDER BY ledger"
        ).fetchall()
    assert [(*row[:3], row[3].replace(tzinfo=UTC)) for row in found] == expected
    events = f"file('{archived.place}/events/*/*.parquet', Parquet)"
    types = {row[0]: row[1] for row in clickhouse.query(f"DESCRIBE TABLE {events}").result_rows}
    assert (types["event_id"], types["chain_hash"]) == ("UUID", "FixedString(32)")
    assert (types["data"], types["recorded_at"]) == ("String", "DateTime64(6, 'UTC')")


def test_a_replay_by_one_statement_of_clickhouse_equals_the_read_models(
    archived: Archived, store: WholeStore, clickhouse: Client
) -> None:
    clickhouse.command(statement("table", archived))
    clickhouse.command(statement("movements", archived))
    columns = (
        "tenant, ledger, position, shard, shard_position, event_id, type, stream_version, sku,"
        " location, occurred_at, recorded_at, order_id, reservation_id, on_hand_delta,"
        " reserved_delta, committed_delta, picked_delta, held_delta"
    )
    count = clickhouse.query("SELECT count() FROM movements_v1").result_rows
    assert count == clickhouse.query("SELECT count() FROM replayed_movements").result_rows
    differing = clickhouse.query(
        f"SELECT {columns} FROM movements_v1 EXCEPT SELECT {columns} FROM replayed_movements"
    )
    assert list(differing.result_rows) == []
    levels = clickhouse.query(statement("stock levels", archived)).result_rows
    with psycopg.connect(store.database.admin) as connection:
        expected = connection.execute(
            "SELECT ledger, sku, location, on_hand, reserved, committed, picked, held"
            " FROM stock_levels_v1"
        ).fetchall()
    assert len(expected) > 3
    assert sorted(map(tuple, levels)) == sorted(expected)


def test_pandas_reads_the_segments_as_they_are(archived: Archived, store: WholeStore) -> None:
    frame = pd.read_parquet(archived.place / "events")
    with psycopg.connect(store.database.admin) as connection:
        expected = connection.execute(
            "SELECT type, count(*), sum(octet_length(data)), max(recorded_at) FROM events"
            " GROUP BY type"
        ).fetchall()
    assert len(expected) > 10
    for name, count, size, latest in expected:
        rows = frame[frame["type"] == name]
        found = (len(rows), rows["data"].map(len).sum(), rows["recorded_at"].max().to_pydatetime())
        assert found == (count, size, latest.astimezone(UTC))
    assert isinstance(frame["occurred_at"].iloc[0].to_pydatetime(), datetime)
