"""`verify` beside writers, projectors and the signer of heads: it never takes work for a fault."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from eventlog.log import RecordedEvent
from eventlog.parked import ParkedStreams
from eventlog.projection import PoisonEventError, Projection
from tests.contracts.projection import Refusing
from tests.parts import SharedParts
from tests.projection_side import applier
from tests.stories import STORY, busy
from tests.whole_store import READ_MODELS, WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")

LOOKS = 8
REFUSED_EVERY = 23
JOIN_SECONDS_MAX = 60.0


@pytest.fixture
def store(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[WholeStore]:
    with (
        places_of(shared_parts, postgres_server, migrated_template, tmp_path) as places,
        whole_store(places) as found,
    ):
        found.tell(*STORY)
        yield found


@contextmanager
def at_work(*jobs: Callable[[Callable[[], bool]], None]) -> Iterator[None]:
    """Each job in a thread of its own until the end of the block; what one raises is raised."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def run(job: Callable[[Callable[[], bool]], None]) -> None:
        try:
            job(stop.is_set)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(JOIN_SECONDS_MAX)
    assert errors == []
    assert not any(thread.is_alive() for thread in threads)


class Moody(Refusing):
    """Cannot take every so manieth event of the log, but on its good days."""

    def __init__(self, projection: Projection, event: RecordedEvent) -> None:
        super().__init__(projection, event)
        self.handles = projection.handles

    def _refuse(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            if not self.repaired and event.ledger_position % REFUSED_EVERY == 0:
                raise PoisonEventError(event, "not today")


def follow(store: WholeStore, read_model: str, ended: Callable[[], bool]) -> None:
    """A projector that cuts its batches anew each time, parks streams, and retries them later."""
    dice = random.Random(read_model)
    with store.projections() as (log, found):
        shards = {log.shard("acme/main"), log.shard("acme/outlet")}
        (first,) = log.reader.read_ledger("acme/main", 0, 1)
        moody = Moody(found[read_model], first)
        work = applier(log, moody)
        parked = ParkedStreams(log.pool, moody.name, moody.version)
        positions = {shard: moody.checkpoint(shard).position for shard in shards}
        for turn in count():
            if ended():
                return
            for shard, position in positions.items():
                events = log.reader.read_shard(shard, position, dice.randrange(1, 30))
                if events:
                    work.apply(events)
                    positions[shard] += len(events)
            moody.repaired = turn % 8 == 7
            if moody.repaired:
                for stream in parked.streams():
                    parked.request_retry(*stream)
                work.retry_requested(lambda ledger: positions[log.shard(ledger)])


def write(store: WholeStore, ended: Callable[[], bool]) -> None:
    for seed in count(100):
        if ended():
            return
        store.tell(busy(seed, 25))


def sign(store: WholeStore, ended: Callable[[], bool]) -> None:
    while not ended():
        store.sign()
        time.sleep(0.1)


def test_a_store_at_work_gives_no_false_alarm(store: WholeStore) -> None:
    jobs = [partial(follow, store, read_model) for read_model in READ_MODELS]
    events, notes = set(), []
    with at_work(*jobs, partial(write, store), partial(sign, store)):
        for _ in range(LOOKS):
            report = store.verify()
            first = report.first_difference
            assert first is None, first.sentence()
            events.add(report.events)
            notes += report.notes
    assert len(events) == LOOKS, "the log grew between any two looks"
    assert any("is parked since" in note for note in notes), "streams were parked meanwhile"
