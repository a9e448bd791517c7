"""Sampling of cells: all explained while everything is at work, and a wrong cell is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from eventlog.shards import shard_of
from replay.verify.sampling import stream_fold
from replay.verify.sampling.results import Round
from replay.verify.sampling.sampler import Sampler
from tests.parts import SharedParts
from tests.planting import table_restored
from tests.stories import CHAIR, LAMP, MUG, STORY
from tests.whole_store import READ_MODELS, Places, WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")

LEDGER = "acme/main"


@pytest.fixture
def places(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[Places]:
    with places_of(shared_parts, postgres_server, migrated_template, tmp_path) as found:
        yield found


@pytest.fixture
def store(places: Places) -> Iterator[WholeStore]:
    with whole_store(places) as found:
        found.tell(*STORY)
        yield found


def sampler(store: WholeStore, seed: int = 1, streams: int = 200) -> Sampler:
    return Sampler(store.addresses, Random(seed), streams=streams)


def explained(done: Round) -> Round:
    assert done.wrong == [], done.wrong[0]
    assert done.percent in (None, 100.0)
    return done


def test_a_store_without_events_has_no_percentage(places: Places) -> None:
    with whole_store(places) as store:
        done = explained(sampler(store).round())
    assert (done.checked, done.percent) == (0, None)


@pytest.mark.parametrize("until", [5, 33, None])
def test_every_cell_is_explained_where_its_read_model_stands(
    store: WholeStore, until: int | None
) -> None:
    store.catch_up("stock_levels", until=until)
    store.catch_up("availability", batch=7, until=until)
    store.catch_up("orders", "documents", "movements")
    done = explained(sampler(store).round())
    assert done.percent == 100.0
    assert {tally.entry.projection for tally in done.tallies} == set(READ_MODELS)
    assert all(tally.checked > 4 for tally in done.tallies), done.as_dict()


@pytest.mark.parametrize(
    ("bound", "reason"),
    [("EVENTS_MAX", "stream too long"), ("EVENTS_OF_ROUND_MAX", "round is full")],
)
def test_what_would_be_too_much_is_counted_as_skipped(
    store: WholeStore, monkeypatch: pytest.MonkeyPatch, bound: str, reason: str
) -> None:
    store.catch_up()
    everything = explained(sampler(store).round())
    monkeypatch.setattr(stream_fold, bound, 3)
    done = explained(sampler(store).round())
    for tally, whole in zip(done.tallies, everything.tallies, strict=True):
        assert tally.skipped[reason] > 0
        assert tally.checked < whole.checked


PLANTED = [
    (
        f"UPDATE stock_levels_v1 SET on_hand = 7000 WHERE sku = '{LAMP}' AND location = 'hall'",
        f"stock-{LAMP}@hall",
        "on_hand",
    ),
    (f"DELETE FROM stock_levels_v1 WHERE sku = '{MUG}'", f"stock-{MUG}@", "in Postgres"),
    (f"UPDATE items_v1 SET safety_stock = 77 WHERE sku = '{MUG}'", f"item-{MUG}", "safety_stock"),
    ("UPDATE orders_v1 SET units = units + 1 WHERE order_id = 'o1'", "order-o1", "units"),
    ("UPDATE orders_v1 SET tenant = 'other' WHERE order_id = 'o1'", "order-o1", "tenant"),
    (
        (
            "INSERT INTO stock_levels_v1 SELECT tenant, ledger, sku, 'nowhere', on_hand, reserved,"
            " committed, picked, held, shortfall, last_counted_at, position, recorded_at"
            f" FROM stock_levels_v1 WHERE ledger = '{LEDGER}' AND sku = '{CHAIR}'"
        ),
        f"stock-{CHAIR}@nowhere",
        "at nowhere",
    ),
]


def test_a_wrong_cell_in_postgres_is_found_and_named(store: WholeStore) -> None:
    store.catch_up()
    store.keep()
    for statement, stream, where in PLANTED:
        store.plant(statement)
        done = sampler(store).round()
        assert done.percent is not None
        assert done.percent < 100, statement
        assert all(cell.stream.startswith(stream) for cell in done.wrong)
        assert all(where in cell.where for cell in done.wrong)
        store.restore()


def test_a_wrong_cell_in_redis_is_watched_until_it_is_right(store: WholeStore) -> None:
    store.catch_up()
    key = f"{store.places.prefix}:availability:v1:{{{shard_of(LEDGER, 16)}}}:{LEDGER}:{LAMP}"
    with closing(store.redis()) as keys:
        before = keys.hget(key, "hall")
        assert before is not None
        keys.hset(key, "hall", 4711)
        looking = sampler(store)
        (wrong,) = looking.round().wrong
        assert (wrong.stream, wrong.found) == (f"stock-{LAMP}@hall", "4711")
        assert wrong.expected == str(before.decode() if isinstance(before, bytes) else before)
        narrow = sampler(store, streams=0)
        narrow._watched = looking._watched  # no other stream is looked at
        assert [cell.stream for cell in narrow.round().wrong] == [f"stock-{LAMP}@hall"]
        keys.hset(key, "hall", before)
        assert explained(narrow.round()).percent == 100.0
        keys.hset(key, "nowhere", 1)
        rounds = (looking.round() for _ in range(20))
        assert any(f"stock-{LAMP}@nowhere" == cell.stream for done in rounds for cell in done.wrong)
        keys.delete(key)
        assert any(cell.found == "none: it is missing" for cell in looking.round().wrong)


def test_wrong_sums_in_clickhouse_are_found_and_named(store: WholeStore) -> None:
    store.catch_up()
    lamp = f"sku = '{LAMP}' AND location = 'hall' AND ledger = '{LEDGER}'"
    first = f"{lamp} AND position = (SELECT min(position) FROM movements_v1 WHERE {lamp})"
    changed = f"on_hand_delta + if({first}, 1, 0) AS on_hand_delta"
    for select in (
        f"SELECT * FROM movements_v1 WHERE NOT ({first})",
        f"SELECT * REPLACE ({changed}) FROM movements_v1",
        f"SELECT * FROM movements_v1 UNION ALL SELECT * FROM movements_v1 WHERE {first}",
    ):
        with table_restored(store, "movements_v1") as rows:
            rows.command("CREATE TABLE wrong AS movements_v1")
            rows.command(f"INSERT INTO wrong {select}")
            rows.command("EXCHANGE TABLES wrong AND movements_v1")
            rows.command("DROP TABLE wrong SYNC")
            (wrong,) = sampler(store).round().wrong
        assert (wrong.read_model, wrong.stream) == ("movements v1", f"stock-{LAMP}@hall")
        assert "sums at position" in wrong.where


def test_a_corrected_row_counts_in_place_of_the_wrong_one(store: WholeStore) -> None:
    store.catch_up()
    lamp = f"sku = '{LAMP}' AND location = 'hall' AND ledger = '{LEDGER}'"
    first = f"{lamp} AND position = (SELECT min(position) FROM movements_v1 WHERE {lamp})"
    with table_restored(store, "movements_v1") as rows:
        rows.command(
            "INSERT INTO movements_v1_corrections"
            f" SELECT *, 7 AS correction, false AS is_tombstone FROM movements_v1 WHERE {first}"
        )
        rows.command("CREATE TABLE wrong AS movements_v1")
        changed = f"on_hand_delta + if({first}, 1, 0) AS on_hand_delta"
        rows.command(f"INSERT INTO wrong SELECT * REPLACE ({changed}) FROM movements_v1")
        rows.command("EXCHANGE TABLES wrong AND movements_v1")
        rows.command("DROP TABLE wrong SYNC")
        (wrong,) = sampler(store).round().wrong
        assert wrong.stream == f"stock-{LAMP}@hall"
        store.plant(
            "UPDATE projection_ledgers SET corrections = '{7}'"
            f" WHERE projection = 'movements' AND ledger = '{LEDGER}'"
        )
        explained(sampler(store).round())
