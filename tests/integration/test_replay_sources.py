"""Builds from Kafka and from an archive: the same bytes as from the store, or a clear refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID

import psycopg
import pytest

from eventlog.heads import HeadKey
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.records import encode
from eventlog.kafka.source import KafkaSource
from eventlog.kafka.topics import ensure_topic, events_topic
from eventlog.log import LogUnavailableError
from eventlog.postgres.positions import shard_positions
from ops.replaying import build_from
from replay import kafka_source
from replay.archive.faults import DamagedError, OtherStoreError
from replay.archive.target import Target
from replay.archive.writing import write
from replay.budget import Budget
from replay.building import BuildFailedError, _Build
from replay.kafka_source import KafkaGapError, KafkaReader
from replay.records import ReplayStateError
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import ALL, World, world

SECONDS_MAX = 20.0
PAGE = 5_000


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as opened:
        fill(opened, seed=3)
        yield opened


def fill(stores: World, *, seed: int, events: int = 300) -> None:
    """Ledgers of two shards."""
    for name in ("main", "other"):
        stores.log.append_dated(stores.log.ledger(name), year(seed, events))


def fed(stores: World, *projections: str) -> None:
    for projection in projections or ALL:
        stores.feed(projection, 1)


def build(
    stores: World, replay_id: UUID, source: str, *, budget: Budget, stop: Event | None = None
) -> None:
    build_from(
        stores.around,
        replay_id,
        source=source,
        budget=budget,
        stop=stop or Event(),
        observe=lambda _: None,
    )


def holds_the_same(stores: World) -> None:
    for projection in ALL:
        assert stores.holds(projection, 2) == stores.holds(projection, 1)


@pytest.mark.parametrize("state", ["following", "diffed", "promoted", "rolled_back"])
def test_a_replay_that_is_built_can_be_run_again_and_nothing_happens(
    stores: World, state: str
) -> None:
    replay_id = stores.plan("stock_levels")
    build(stores, replay_id, "store", budget=Budget())
    with stores.log.pool.connection() as connection:
        connection.execute("UPDATE replays SET state = %s", (state,))
    before = stores.replay(replay_id)
    build(stores, replay_id, "store", budget=Budget())
    assert stores.replay(replay_id) == before


def test_a_replay_that_was_given_up_is_not_built(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    stores.cancel(replay_id)
    with pytest.raises(ReplayStateError, match="is cancelled"):
        build(stores, replay_id, "store", budget=Budget())


@dataclass(slots=True, kw_only=True)
class Topic:
    """The log as the relay would have published it, as far as `publish` was called."""

    stores: World
    bootstrap: str
    name: str
    sent: dict[int, int]

    def publish(self, *, left_out: int = 0) -> None:
        """What is new of every shard, but for the first `left_out` events of each."""
        publisher = Publisher(self.bootstrap, name="test")
        for shard, head in shard_positions(self.stores.log.pool).items():
            after = self.sent.get(shard, left_out)
            if head > after:
                events = self.stores.log.reader.read_shard(shard, after, PAGE)
                epoch = self.stores.log.identity.epoch
                publisher.send(self.name, shard, encode(events, epoch))
                self.sent[shard] = head
        publisher.confirm()

    def source(self) -> KafkaSource:
        epoch = self.stores.log.identity.epoch
        return KafkaSource(self.bootstrap, self.name, epoch=epoch, name="test")


@pytest.fixture
def topic(stores: World, kafka_bootstrap: str, kafka_prefix: str) -> Topic:
    around = stores.around
    settings = around.stores.settings.model_copy(
        update={"kafka_bootstrap": kafka_bootstrap, "kafka_prefix": kafka_prefix}
    )
    addresses = {**around.stores.addresses, "kafka": kafka_bootstrap}
    known = replace(around.stores, settings=settings, addresses=addresses)
    stores.around = replace(around, stores=known)
    wanted = events_topic(kafka_prefix, stores.log.identity.shards)
    ensure_topic(kafka_bootstrap, wanted, sleep=time.sleep)
    return Topic(stores=stores, bootstrap=kafka_bootstrap, name=wanted.name, sent={})


def test_a_build_from_kafka_follows_a_log_that_grows_meanwhile(
    stores: World, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []
    turn = _Build._round

    def grow(self: _Build, *values: Any) -> int:
        left = turn(self, *values)
        rounds.append(left)
        if len(rounds) > 2:
            return left
        fill(stores, seed=10 + len(rounds), events=50)
        topic.publish()
        return self.budget.batch_events + 1

    monkeypatch.setattr(_Build, "_round", grow)
    topic.publish()
    build(stores, stores.plan(), "kafka", budget=Budget())
    assert len(rounds) >= 3
    fed(stores)
    holds_the_same(stores)


def test_what_kafka_lacks_fails_the_build_and_leaves_what_is_read_alone(
    stores: World, topic: Topic
) -> None:
    fed(stores, "stock_levels")
    before = stores.holds("stock_levels", 1)
    topic.publish(left_out=7)
    replay_id = stores.plan("stock_levels")
    with pytest.raises(BuildFailedError, match=r"no position 1 of shard .* 8 as the first"):
        build(stores, replay_id, "kafka", budget=Budget())
    assert stores.replay(replay_id).state == "failed"
    assert stores.holds("stock_levels", 1) == before


def test_a_shard_that_kafka_says_nothing_of_is_not_waited_for_without_end(
    stores: World, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_source, "SILENCE_SECONDS_MAX", 1.5)
    topic.publish()
    noisy, still = stores.log.shard("acme/main"), stores.log.shard("acme/other")
    ended = Event()

    def go_on() -> None:
        while not ended.wait(0.2):
            stores.log.append_dated("acme/main", year(9, 5))
            topic.publish()

    thread = Thread(target=go_on)
    with closing(topic.source()) as source:
        reader = KafkaReader(source, stores.log.reader, stop=Event())
        assert reader.read_shard(noisy, 0, 100)[0].shard_position == 1
        thread.start()
        try:
            began = time.monotonic()
            with pytest.raises(KafkaGapError, match="nothing from there on"):
                reader.read_shard(still, stores.log.reader.shard_position(still), 100)
            assert time.monotonic() - began < SECONDS_MAX
        finally:
            ended.set()
            thread.join(SECONDS_MAX)


def test_waiting_for_kafka_ends_when_the_run_is_stopped(stores: World, topic: Topic) -> None:
    stop = Event()
    replay_id = stores.plan("stock_levels")
    thread = Thread(
        target=build, args=(stores, replay_id, "kafka"), kwargs={"budget": Budget(), "stop": stop}
    )
    thread.start()
    time.sleep(2.0)
    began = time.monotonic()
    stop.set()
    thread.join(SECONDS_MAX)
    assert time.monotonic() - began < kafka_source.SILENCE_SECONDS_MAX / 2
    assert stores.replay(replay_id).state == "building"
    with closing(topic.source()) as source:
        reader = KafkaReader(source, stores.log.reader, stop=stop)
        with pytest.raises(LogUnavailableError, match="was stopped"):
            reader.read_shard(stores.log.shard("acme/main"), 0, 100)


def archive(stores: World, tmp_path: Path, keys: str = "keys") -> str:
    place = str(tmp_path / "archive")
    write(
        Target.of(place),
        log_dsn=stores.around.stores.log_dsn,
        reader=stores.log.reader,
        key=HeadKey.in_directory(tmp_path / keys),
        now=lambda: datetime.now(UTC),
        segment_events=200,
    )
    return place


@pytest.mark.parametrize("cores", [0, 1])
def test_a_build_from_an_archive_takes_the_younger_rest_from_the_store(
    stores: World, tmp_path: Path, cores: int
) -> None:
    place = archive(stores, tmp_path)
    fill(stores, seed=8, events=50)
    build(stores, stores.plan(), f"archive:{place}", budget=Budget(cores=cores))
    fed(stores)
    holds_the_same(stores)


def test_an_archive_of_another_history_of_the_same_store_is_refused(
    stores: World, postgres_database: Database, tmp_path: Path
) -> None:
    place = archive(stores, tmp_path)
    replay_id = stores.plan("stock_levels")
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("ALTER TABLE events DISABLE TRIGGER facts_stay")
        admin.execute(
            "UPDATE events SET chain_hash = sha256(chain_hash) WHERE ledger = 'acme/main'"
        )
    with pytest.raises(OtherStoreError, match="acme/main is not the one in the store"):
        build(stores, replay_id, f"archive:{place}", budget=Budget())
    assert stores.replay(replay_id).state == "planned"


def test_an_archive_that_the_key_of_the_store_has_not_signed_is_refused(
    stores: World, tmp_path: Path
) -> None:
    own = HeadKey.in_directory(stores.around.stores.keys_directory)
    place = archive(stores, tmp_path, keys="others")
    replay_id = stores.plan("stock_levels")
    with pytest.raises(DamagedError, match=f"is not signed by key {own.key_id}"):
        build(stores, replay_id, f"archive:{place}", budget=Budget())
    assert stores.replay(replay_id).state == "planned"


def test_an_archive_that_lost_a_segment_fails_the_build_and_what_is_read_stays(
    stores: World, tmp_path: Path
) -> None:
    fed(stores, "stock_levels")
    before = stores.holds("stock_levels", 1)
    place = archive(stores, tmp_path)
    max(Path(place).glob("events/*/*.parquet")).unlink()
    replay_id = stores.plan("stock_levels")
    with pytest.raises(BuildFailedError, match="parquet"):
        build(stores, replay_id, f"archive:{place}", budget=Budget())
    assert stores.replay(replay_id).state == "failed"
    assert stores.holds("stock_levels", 1) == before
    build(stores, replay_id, "store", budget=Budget())
    assert stores.holds("stock_levels", 2) == before
