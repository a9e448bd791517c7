"""Replays from an archive and from Kafka: the live bytes, or a refusal with its reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from uuid import UUID

import pytest

from eventlog.heads import HeadKey
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.records import encode
from eventlog.kafka.topics import ensure_topic, events_topic
from eventlog.postgres.positions import shard_positions
from ops.replaying import build_from
from replay.archive.faults import DamagedError
from replay.archive.target import Target
from replay.archive.writing import write
from replay.budget import Budget
from replay.building import BuildFailedError
from tests.cutover_side import answering
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import ALL, World, world

EVENTS = 400
SEGMENT_EVENTS = 100
REPEATED = 25


@pytest.fixture(autouse=True)
def kafka(kafka_bootstrap: str, kafka_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTOCK_KAFKA_BOOTSTRAP", kafka_bootstrap)
    monkeypatch.setenv("BACKSTOCK_KAFKA_PREFIX", kafka_prefix)


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(
        postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path / "data"
    ) as opened:
        for ledger in opened.log.ledgers_of_one_shard(2):
            opened.log.append_dated(ledger, year(3, EVENTS))
        opened.log.append_dated(opened.log.ledger("other"), year(4, 40))
        yield opened


def archived(stores: World, database: Database, directory: Path) -> Path:
    """Everything so far, in segments; younger events follow."""
    place = directory / "archive"
    write(
        Target.of(str(place)),
        log_dsn=database.log,
        reader=stores.log.reader,
        key=HeadKey.in_directory(directory / "keys"),
        now=lambda: datetime.now(UTC),
        segment_events=SEGMENT_EVENTS,
    )
    stores.log.append_dated(stores.log.ledger("main"), year(9, 150))
    return place


def published(stores: World) -> None:
    """The log as a relay that died and began again leaves it: some of it twice."""
    settings, log = stores.around.stores.settings, stores.log
    topic = events_topic(settings.kafka_prefix, log.identity.shards)
    assert settings.kafka_bootstrap is not None
    ensure_topic(settings.kafka_bootstrap, topic, sleep=time.sleep)
    publisher = Publisher(settings.kafka_bootstrap, name="test")
    for shard, position in shard_positions(log.pool).items():
        events = log.reader.read_shard(shard, 0, position) if position else []
        for page in (events[:60], events[60 - REPEATED :]):
            if page:
                publisher.send(topic.name, shard, encode(page, log.identity.epoch))
    publisher.confirm()


def built(stores: World, source: str, *projections: str) -> UUID:
    replay_id = stores.plan(*projections)
    build_from(
        stores.around,
        replay_id,
        source=source,
        budget=Budget(),
        stop=Event(),
        observe=lambda _: None,
    )
    return replay_id


def test_history_that_is_read_from_archived_segments_comes_to_the_bytes_of_the_live_path(
    stores: World, postgres_database: Database, tmp_path: Path
) -> None:
    place = archived(stores, postgres_database, tmp_path)
    for projection in ALL:
        stores.feed(projection, 1)
    replay_id = built(stores, f"archive:{place}")
    assert stores.replay(replay_id).state == "following"
    for projection in ALL:
        assert stores.holds(projection, 2) == stores.holds(projection, 1)


def test_a_missing_segment_is_named_and_what_is_read_stays_as_it_is(
    stores: World, postgres_database: Database, tmp_path: Path
) -> None:
    place = archived(stores, postgres_database, tmp_path)
    stores.feed("stock_levels", 1)
    before = stores.holds("stock_levels", 1)
    gone = sorted(place.glob("events/*/*.parquet"))[1]
    content = gone.read_bytes()
    gone.unlink()
    with pytest.raises((BuildFailedError, DamagedError), match=f"{gone.name}.*is missing"):
        built(stores, f"archive:{place}", "stock_levels")
    assert answering(stores)["stock_levels"] == 1
    assert stores.holds("stock_levels", 1) == before
    gone.write_bytes(content)
    with stores.log.pool.connection() as connection:
        ((replay_id,),) = connection.execute("SELECT replay_id FROM replays").fetchall()
    stores.run(replay_id)
    assert stores.holds("stock_levels", 2) == before


def test_records_that_kafka_has_twice_and_at_other_offsets_are_folded_once(stores: World) -> None:
    published(stores)
    for projection in ALL:
        stores.feed(projection, 1)
    replay_id = built(stores, "kafka")
    assert stores.replay(replay_id).state == "following"
    for projection in ALL:
        assert stores.holds(projection, 2) == stores.holds(projection, 1)
