"""A log that was edited behind everybody's back: found when versions are compared, never promoted.

The version that answers stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from eventlog.chain import chain_over
from eventlog.heads import HeadKey
from eventlog.log import GENESIS_HASH, RecordedEvent
from eventlog.postgres.heads import save_signed_heads, unsigned_heads
from eventlog.postgres.positions import shard_positions
from projections.editions import CURRENT
from replay import history
from replay.diff.compare import Difference, compare, sides_of
from replay.gate import NotPromotableError
from replay.history import check_history, faults_of_history
from tests.cutover_side import ACCEPTED, answering, promoted
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import World, world

EVENTS = 400
EDITED = 300


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        for ledger in opened.log.ledgers_of_one_shard(2):
            opened.log.append_dated(ledger, year(3, EVENTS))
        opened.log.append_dated(opened.log.ledger("other"), year(4, 40))
        yield opened


def edit(database: Database, statement: str, *values: object) -> None:
    """As the superuser, past the triggers that forbid it."""
    with psycopg.connect(database.admin) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("ALTER TABLE events DISABLE TRIGGER facts_stay")
        assert connection.execute(statement.encode(), values).rowcount > 0


def compared(stores: World, *projections: str) -> Difference:
    replay_id = stores.plan(*projections, edition=CURRENT)
    stores.run(replay_id)
    with stores.log.pool.connection() as connection:
        sides = sides_of(
            connection,
            stores.replay(replay_id),
            redis=stores.clients.redis,
            clickhouse=stores.clients.clickhouse,
        )
    return compare(stores.log.pool, stores.log.reader, stores.replay(replay_id), sides)


def test_an_untouched_log_fits_link_by_link_in_pages_of_any_size(
    stores: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (history.PAGE_EVENTS, 7):
        monkeypatch.setattr(history, "PAGE_EVENTS", size)
        found = check_history(stores.log.pool, shard_positions(stores.log.pool))
        assert (found.events, found.edited, found.missing) == (stores.events(), 0, 0)
        assert faults_of_history(found.as_dict()) == []


@pytest.mark.parametrize(
    "change",
    [
        "data = replace(convert_from(data, 'UTF8'), ':', ': ')::bytea",
        'metadata = \'{"actor":"somebody"}\'',
        "recorded_at = recorded_at + interval '1 microsecond'",
        "occurred_at = occurred_at - interval '1 day'",
        "tenant = 'globex'",
        "stream = stream || 'X'",
        "type = 'stock.received.v1X'",
        "event_id = gen_random_uuid()",
        "chain_hash = sha256(chain_hash)",
        "stream_version = stream_version + 1000",
    ],
    ids=lambda change: change.partition(" ")[0],
)
def test_whatever_column_of_an_event_was_changed_it_is_named(
    stores: World, postgres_database: Database, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE_EVENTS", 101)
    where = "WHERE ledger = 'acme/main' AND ledger_position = %s"
    edit(postgres_database, f"UPDATE events SET {change} {where}", EDITED)
    found = check_history(stores.log.pool, shard_positions(stores.log.pool))
    positions = [(each["ledger"], each["position"]) for each in found.examples]
    assert positions[0] == ("acme/main", EDITED)
    (fault,) = faults_of_history(found.as_dict())
    assert f"position {EDITED} of acme/main" in fault


def test_an_event_that_was_taken_out_is_missed(stores: World, postgres_database: Database) -> None:
    where = "WHERE ledger = 'acme/main' AND ledger_position = %s"
    edit(postgres_database, f"DELETE FROM events {where}", EDITED)
    found = check_history(stores.log.pool, shard_positions(stores.log.pool))
    assert (found.missing, found.edited) == (1, 1)


def test_a_ledger_whose_hashes_were_all_made_anew_does_not_fit_what_was_signed(
    stores: World, postgres_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE_HEADS", 1)
    key = HeadKey.in_directory(tmp_path / "keys")
    pool = stores.log.pool
    for tenant in ("aaa", "zzz"):
        stores.log.append_dated(stores.log.ledger("main", tenant), year(4, 5))
    save_signed_heads(pool, [key.sign(head) for head in unsigned_heads(pool)])
    where = "WHERE ledger = 'acme/main' AND ledger_position = %s"
    edit(postgres_database, f"UPDATE events SET metadata = '{{}} ' {where}", EDITED)
    previous = GENESIS_HASH
    for event in stores.log.reader.read_ledger("acme/main", 0, 10 * EVENTS):
        previous = chain_over(previous, [event])
        edit(
            postgres_database,
            f"UPDATE events SET chain_hash = %s {where}",
            previous,
            event.ledger_position,
        )
    found = check_history(stores.log.pool, shard_positions(stores.log.pool))
    assert (found.edited, found.missing) == (0, 0)
    assert [head.partition(" ")[0] for head in found.heads] == ["acme/main"]
    (fault,) = faults_of_history(found.as_dict())
    assert "not what was signed: the head of acme/main" in fault


def test_what_was_folded_from_an_edited_log_is_never_promoted_and_the_live_version_stays(
    stores: World, postgres_database: Database
) -> None:
    stores.feed("stock_levels", 1)
    before = stores.holds("stock_levels", 1)
    received = received_units(stores)
    edit(
        postgres_database,
        "UPDATE events SET data = regexp_replace(convert_from(data, 'UTF8'),"
        " '\"quantity\":[0-9]+', '\"quantity\":7777')::bytea"
        " WHERE ledger = 'acme/main' AND ledger_position = %s",
        received.ledger_position,
    )
    found = compared(stores, "stock_levels")
    assert found.surprises > 0
    (fault,) = found.faults
    assert f"position {received.ledger_position} of acme/main" in fault
    with pytest.raises(NotPromotableError, match="the log was edited: 1 events"):
        promoted(stores, found.replay_id, acceptance=ACCEPTED)
    assert answering(stores)["stock_levels"] == 1
    assert stores.holds("stock_levels", 1) == before


def test_an_edit_that_changes_no_cell_is_found_all_the_same(
    stores: World, postgres_database: Database
) -> None:
    stores.feed("stock_levels", 1)
    where = "WHERE ledger = 'acme/main' AND ledger_position = %s"
    edit(postgres_database, f"UPDATE events SET metadata = '{{}} ' {where}", EDITED)
    found = compared(stores, "stock_levels")
    assert (found.surprises, len(found.faults)) == (0, 1)
    with pytest.raises(NotPromotableError, match="the log was edited"):
        promoted(stores, found.replay_id)


def received_units(stores: World) -> RecordedEvent:
    events = stores.log.reader.read_ledger("acme/main", 0, EVENTS)
    return next(event for event in events if event.type == "stock.received.v1")
