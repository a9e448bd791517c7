"""`verify` on stores as they really come about: whatever is lawful is found so, at any moment."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresDatastore
from typer.testing import CliRunner

from eventlog.kafka.publisher import Publisher
from eventlog.kafka.topics import Topic, ensure_topic
from eventlog.log import RecordedEvent
from eventlog.parked import ParkedStreams
from eventlog.postgres.recorder import LedgerRecorder
from eventlog.projection import Projection
from ops.main import app
from ops.verification import NotVerifiedError
from replay.verify.heads import HeadsUnreadableError
from replay.verify.report import LAWS, Report
from tests.contracts.projection import Refusing
from tests.happenings import item
from tests.parts import SharedParts
from tests.projection_side import Journal, drain
from tests.stories import LAMP, MUG, STORY, busy
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
        yield found


def lawful(report: Report) -> Report:
    first = report.first_difference
    assert first is None, first.sentence()
    assert report.ok
    return report


def test_an_empty_store_is_lawful(store: WholeStore) -> None:
    assert lawful(store.verify()).events == 0


def test_a_ledger_without_events_is_lawful(store: WholeStore) -> None:
    store.tell(ledgers=("main", "fresh"))
    store.catch_up()
    assert lawful(store.verify()).notes == []


def test_everything_a_business_does_is_lawful(store: WholeStore) -> None:
    store.tell(*STORY)
    store.catch_up()
    report = lawful(store.verify())
    assert report.notes == [
        f"ledger acme/{name}: no head was signed yet, so its chain is checked in itself"
        for name in ("main", "outlet")
    ]
    store.sign()
    report = lawful(store.verify())
    assert report.notes == []
    assert list(report.laws) == list(LAWS)
    assert all(law.checked > 50 for law in report.laws.values())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_year_of_facts_dated_up_and_down_is_lawful(store: WholeStore, seed: int) -> None:
    store.tell(*STORY, busy(seed, 300))
    store.catch_up(batch=37)
    report = lawful(store.verify())
    types = store.one("SELECT array_agg(DISTINCT type) FROM events")[0]
    rare = {"stock.count_restated.v1", "stock.discrepancy_found.v1", "stock.shortfall_stated.v1"}
    assert isinstance(types, list)
    assert rare <= set(types), "the year has what is hard to get right"
    assert report.events > 400


def test_read_models_may_stand_anywhere_behind_the_log(store: WholeStore) -> None:
    store.tell(*STORY)
    for steps in ({"stock_levels": 61, "orders": 33, "movements": 12}, {"availability": 40}):
        for read_model, until in steps.items():
            store.catch_up(read_model, batch=7, until=until)
        lawful(store.verify())


def test_the_positions_of_read_models_are_their_own(store: WholeStore) -> None:
    """A fault below a read model's position is found, whatever lies above it."""
    store.tell(*STORY)
    store.catch_up("stock_levels", until=20)
    store.plant("UPDATE stock_levels_v1 SET reserved = reserved + 1 WHERE location = 'shop'")
    first = store.verify().first_difference
    assert first is not None
    assert first.where.endswith(f"{MUG} at shop, reserved")


# --- parked streams -------------------------------------------------------------------------------


def parked_at(log: Journal, projection: Projection, event: RecordedEvent) -> ParkedStreams:
    """Let the projection refuse one event, and follow the log to its end."""
    drain(log, Refusing(projection, event), event.shard)
    found = ParkedStreams(log.pool, projection.name, projection.version)
    assert list(found.streams()) == [(event.ledger, event.stream)]
    return found


STREAMS = [
    ("stock_levels", f"stock-{LAMP}@hall", 3),
    ("stock_levels", f"item-{LAMP}", 2),
    ("orders", "order-o1", 1),
    ("orders", "order-o2", 3),
    ("availability", f"stock-{LAMP}@hall", 1),
    ("availability", f"item-{LAMP}", 3),
    ("movements", f"stock-{LAMP}@hall", 2),
    ("movements", f"item-{LAMP}", 1),
]


@pytest.mark.parametrize(("read_model", "stream", "version"), STREAMS)
def test_a_parked_stream_keeps_the_position_of_the_park(
    store: WholeStore, read_model: str, stream: str, version: int
) -> None:
    """Until its retry, however far that has come, is through."""
    store.tell(*STORY)
    with store.projections() as (log, found):
        events = list(log.reader.read_stream(LEDGER, stream, version - 1))
        first, *others = events
        parked = parked_at(log, found[read_model], first)
    store.catch_up(*({*READ_MODELS} - {read_model}))
    report = lawful(store.verify())
    note = f"{read_model} v1: stream {stream} of ledger {LEDGER} is parked since position"
    assert any(each.startswith(note) for each in report.notes)
    with store.projections() as (log, found):
        parked = ParkedStreams(log.pool, read_model, 1)
        parked.request_retry(LEDGER, stream)
        for page in ([first], others):
            found[read_model].apply_parked(page or [first])
            lawful(store.verify())
        parked.unpark(LEDGER, stream, upto=events[-1].shard_position)
    lawful(store.verify())


def test_a_fault_in_the_cell_of_a_parked_stream_is_found(store: WholeStore) -> None:
    store.tell(*STORY)
    with store.projections() as (log, found):
        third = next(iter(log.reader.read_stream(LEDGER, f"stock-{LAMP}@hall", 2)))
        parked_at(log, found["stock_levels"], third)
    lawful(store.verify())
    store.plant(f"UPDATE stock_levels_v1 SET held = 0 WHERE sku = '{LAMP}' AND location = 'hall'")
    first = store.verify().first_difference
    assert first is not None
    assert first.where.endswith(f"{LAMP} at hall, held")


# --- events that no command wrote -----------------------------------------------------------------


def test_events_of_the_eventsourcing_library_are_lawful(store: WholeStore) -> None:
    """They bear no command id, so no key row speaks of them, and no fold of ours is theirs."""
    store.tell(*STORY)
    login = urlsplit(store.database.log)
    with (
        PostgresDatastore(
            dbname=login.path[1:],
            host=login.hostname or "",
            port=str(login.port),
            user=login.username or "",
            password=login.password or "",
        ) as datastore,
        store.projections() as (log, _),
    ):
        recorder = LedgerRecorder(datastore, ledger=LEDGER, pool=log.pool)
        topic, state = "garden:Dog.TrickAdded", b"\x80\x04no JSON"
        recorder.insert_events(
            [StoredEvent(originator_id=uuid4(), originator_version=1, topic=topic, state=state)]
        )
        log.append(LEDGER, item("BOX"))
    store.catch_up()
    store.sign()
    notes = lawful(store.verify()).notes
    assert f"ledger {LEDGER}: 2 events bear no command id" in notes[-2]
    assert f"ledger {LEDGER}: 1 events of types that are not Backstock's" in notes[-1]


# --- the command ----------------------------------------------------------------------------------


def backstock_verify(
    store: WholeStore, monkeypatch: pytest.MonkeyPatch, *arguments: str, **others: str
) -> tuple[int, str]:
    """Exit code and standard output; raises what the command raises."""
    places = store.places
    addresses = {
        "POSTGRES_DSN": store.database.admin,
        "POSTGRES_LOG_DSN": store.database.log,
        "KAFKA_BOOTSTRAP": places.bootstrap,
        "KAFKA_PREFIX": places.prefix,
        "REDIS_URL": places.redis_url,
        "REDIS_PREFIX": places.prefix,
        "CLICKHOUSE_URL": places.clickhouse_url,
    }
    for name, value in (addresses | others).items():
        monkeypatch.setenv(f"BACKSTOCK_{name}", value)
    directory = str(places.keys.parent)
    done = CliRunner().invoke(app, ["verify", "--data", directory, *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_the_command_answers_with_exit_code_and_json(
    store: WholeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.tell(*STORY)
    store.catch_up()
    store.sign()
    code, said = backstock_verify(store, monkeypatch, "--json")
    told = json.loads(said)
    assert (code, told["ok"], told["first_difference"]) == (0, True, None)
    assert set(told["laws"]) == set(LAWS)
    assert told["laws"]["chain"]["ok"] is True
    assert told["laws"]["chain"]["checked"] >= told["events"] > 0
    store.plant(f"UPDATE stock_levels_v1 SET on_hand = 7 WHERE sku = '{LAMP}'")
    code, said = backstock_verify(store, monkeypatch, "--json")
    told = json.loads(said)
    assert (code, told["ok"], told["laws"]["folds"]["ok"]) == (1, False, False)
    assert f"{LAMP} at" in told["first_difference"]["sentence"]
    code, said = backstock_verify(store, monkeypatch)
    assert code == 1
    assert "First difference, by the law folds" in said
    assert f"{LAMP} at" in said


def test_a_store_that_does_not_answer_proves_nothing(
    store: WholeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, address in (
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("CLICKHOUSE_URL", "http://127.0.0.1:1/default"),
        ("POSTGRES_LOG_DSN", "postgresql://nobody@127.0.0.1:1/nothing"),
    ):
        with pytest.raises(NotVerifiedError, match="nothing is proven"):
            backstock_verify(store, monkeypatch, **{name: address})


def test_a_heads_topic_with_something_else_in_it_proves_nothing(store: WholeStore) -> None:
    topic = Topic(name=f"{store.places.prefix}.garbage.v1", partitions=1)
    ensure_topic(store.places.bootstrap, topic, sleep=time.sleep)
    publisher = Publisher(store.places.bootstrap, name="vandal")
    publisher.send(topic.name, 0, [(b'{"ledger": 7}', "x", 0, [])])
    publisher.confirm()
    with pytest.raises(HeadsUnreadableError, match="offset 0 is no head"):
        store.verify(heads_topic=topic.name)


def test_a_database_that_is_no_store_proves_nothing(
    store: WholeStore, postgres_server: str
) -> None:
    with pytest.raises(psycopg.Error):
        store.verify(postgres_dsn=postgres_server)
