"""What every projection must hold to, on the real store: subclass and give the two fixtures.

A test module names its class `Test…(ProjectionContract)` and provides the fixture `read_model`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pytest

from eventlog.log import RecordedEvent
from eventlog.parked import ParkedStreams
from eventlog.projection import (
    Batch,
    Checkpoint,
    PoisonEventError,
    Projection,
    StaleCheckpointError,
    batch_of,
)
from tests.happenings import year
from tests.projection_side import Journal, applier, drain

EVENTS = 600


class Rebuildable(Projection, Protocol):
    def rebuild(self) -> None: ...


class ReadModel(Protocol):
    """One read model of one store: its projection as several processes have it, and its data."""

    log: Journal

    def process(self) -> Rebuildable:
        """The projection as a newly started process has it."""

    def data(self) -> object:
        """Every row or key but the checkpoint, in a form that compares and prints well."""

    def ledger_positions(self) -> Mapping[str, int]:
        """How far readers are told it is, by ledger."""


class Refusing:
    """A projection whose code cannot take one event, until it is repaired."""

    def __init__(self, projection: Projection, event: RecordedEvent) -> None:
        self.name, self.version, self.handles = (
            projection.name,
            projection.version,
            projection.handles,
        )
        self.repaired = False
        self._projection = projection
        self._event = event

    def checkpoint(self, shard: int) -> Checkpoint:
        return self._projection.checkpoint(shard)

    def apply(self, batch: Batch) -> None:
        self._refuse(batch.events)
        self._projection.apply(batch)

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        self._refuse(events)
        self._projection.apply_parked(events)

    def _refuse(self, events: Sequence[RecordedEvent]) -> None:
        if not self.repaired and self._event in events:
            raise PoisonEventError(self._event, "not understood yet")


def whole(log: Journal, projection: Projection, shard: int, after: int, last: int) -> Batch:
    events = log.reader.read_shard(shard, after, last - after)
    epoch = log.identity.epoch
    return batch_of(events, epoch=epoch, handles=projection.handles, parked={})


class ProjectionContract:
    @pytest.fixture
    def shard(self, read_model: ReadModel) -> int:
        """A shard with two tenants' ledgers and many events of every type."""
        log = read_model.log
        first, second = log.ledgers_of_one_shard(2)
        facts = year(7, EVENTS)
        log.append_dated(first, facts[: EVENTS // 2])
        log.append_dated(second, year(8, EVENTS // 4))
        log.append_dated(first, facts[EVENTS // 2 :])
        return log.shard(first)

    def test_the_data_does_not_depend_on_how_the_log_is_cut(
        self, read_model: ReadModel, shard: int
    ) -> None:
        drain(read_model.log, read_model.process(), shard, batch=2_000)
        at_once = read_model.data()
        assert at_once
        read_model.process().rebuild()
        assert read_model.data() != at_once
        drain(read_model.log, read_model.process(), shard, batch=7, until=140)
        drain(read_model.log, read_model.process(), shard, batch=61)
        assert read_model.data() == at_once

    def test_dropped_and_rebuilt_it_is_the_same(self, read_model: ReadModel, shard: int) -> None:
        drain(read_model.log, read_model.process(), shard)
        before, positions = read_model.data(), read_model.ledger_positions()
        read_model.process().rebuild()
        assert read_model.ledger_positions() == {}
        drain(read_model.log, read_model.process(), shard)
        assert (read_model.data(), read_model.ledger_positions()) == (before, positions)

    def test_readers_are_told_the_last_position_of_each_ledger(
        self, read_model: ReadModel, shard: int
    ) -> None:
        drain(read_model.log, read_model.process(), shard)
        with read_model.log.pool.connection() as connection:
            heads = connection.execute("SELECT ledger, position FROM ledgers").fetchall()
        assert list(read_model.ledger_positions().items()) == sorted(heads)

    def test_a_redelivered_batch_is_refused_and_changes_nothing(
        self, read_model: ReadModel, shard: int
    ) -> None:
        projection = read_model.process()
        drain(read_model.log, projection, shard, batch=300, until=300)
        before = read_model.data()
        with pytest.raises(StaleCheckpointError):
            projection.apply(whole(read_model.log, projection, shard, 0, 300))
        assert read_model.data() == before

    def test_of_two_projectors_the_one_that_comes_second_loses(
        self, read_model: ReadModel, shard: int
    ) -> None:
        fast, slow = read_model.process(), read_model.process()
        assert fast.checkpoint(shard) == slow.checkpoint(shard)
        fast.apply(whole(read_model.log, fast, shard, 0, 200))
        with pytest.raises(StaleCheckpointError):
            slow.apply(whole(read_model.log, slow, shard, 0, 90))
        with pytest.raises(StaleCheckpointError):
            slow.apply(whole(read_model.log, slow, shard, 90, 400))
        assert read_model.process().checkpoint(shard).position == 200
        drain(read_model.log, fast, shard)
        alone = read_model.data()
        read_model.process().rebuild()
        drain(read_model.log, read_model.process(), shard)
        assert read_model.data() == alone

    def test_a_batch_with_nothing_to_do_moves_the_checkpoint_alone(
        self, read_model: ReadModel, shard: int
    ) -> None:
        projection = read_model.process()
        projection.checkpoint(shard)
        batch = batch_of(
            read_model.log.reader.read_shard(shard, 0, 25),
            epoch=read_model.log.identity.epoch,
            handles=frozenset(),
            parked={},
        )
        before = read_model.data()
        projection.apply(batch)
        assert read_model.data() == before
        assert read_model.process().checkpoint(shard).position == 25
        assert read_model.ledger_positions()

    def test_when_each_batch_was_applied_is_noted(self, read_model: ReadModel, shard: int) -> None:
        projection = read_model.process()
        end = drain(read_model.log, projection, shard, batch=400)
        with read_model.log.pool.connection() as connection:
            applied = connection.execute(
                "SELECT position FROM projection_applies WHERE projection = %s AND shard = %s"
                " ORDER BY position",
                (projection.name, shard),
            ).fetchall()
        assert [row[0] for row in applied] == [*range(400, end, 400), end]

    def test_a_poison_event_parks_its_stream_and_the_others_flow(
        self, read_model: ReadModel, shard: int
    ) -> None:
        log, projection = read_model.log, read_model.process()
        drain(log, projection, shard)
        handled = next(name for name in sorted(projection.handles))
        poison = log.append_raw("acme/main", "stock-SKU-1@WH", handled, b'{"sku": 1}')
        log.append_dated("acme/main", year(9, 120))
        end = drain(log, projection, shard)
        parked = ParkedStreams(log.pool, projection.name, projection.version).streams()
        assert {key: found.position for key, found in parked.items()} == {
            ("acme/main", "stock-SKU-1@WH"): poison.ledger_position
        }
        assert projection.checkpoint(shard).position == end
        stuck = read_model.data()
        read_model.process().rebuild()
        drain(log, read_model.process(), shard)
        assert read_model.data() == stuck

    def test_a_stream_that_is_parked_and_retried_leaves_no_trace(
        self, read_model: ReadModel, shard: int
    ) -> None:
        log = read_model.log
        end = drain(log, read_model.process(), shard)
        without_trouble = read_model.data()
        read_model.process().rebuild()

        process = read_model.process()
        events = log.reader.read_shard(shard, 0, end)
        middle = [event for event in events[end // 3 :] if event.type in process.handles]
        poison = next(event for event in middle if self.is_one_of_many(event, middle))
        refusing = Refusing(process, poison)
        drain(log, refusing, shard, batch=130)
        assert read_model.data() != without_trouble

        parked = ParkedStreams(log.pool, process.name, process.version)
        assert list(parked.streams()) == [(poison.ledger, poison.stream)]
        assert parked.request_retry(poison.ledger, poison.stream)
        work = applier(log, refusing)
        work.retry_requested(lambda _: end)
        assert list(parked.streams()), "it still cannot be applied"
        refusing.repaired = True
        parked.request_retry(poison.ledger, poison.stream)
        work.retry_requested(lambda _: end)
        assert not parked.streams()
        assert read_model.data() == without_trouble

    def test_events_of_a_parked_stream_applied_again_change_nothing(
        self, read_model: ReadModel, shard: int
    ) -> None:
        log = read_model.log
        end = drain(log, read_model.process(), shard)
        before = read_model.data()
        projection = read_model.process()
        projection.checkpoint(shard)
        events = log.reader.read_shard(shard, 0, end)
        middle = [event for event in events[end // 3 :] if event.type in projection.handles]
        one = next(event for event in middle if self.is_one_of_many(event, middle))
        stream = [each for each in middle if (each.ledger, each.stream) == (one.ledger, one.stream)]
        refusing = Refusing(projection, stream[0])
        read_model.process().rebuild()
        drain(log, refusing, shard)
        for part in (stream[:1], stream, stream, stream[-1:]):
            projection.apply_parked(part)
        assert read_model.data() == before

    def test_an_event_of_unknown_type_parks_its_stream(
        self, read_model: ReadModel, shard: int
    ) -> None:
        log, projection = read_model.log, read_model.process()
        log.append_raw("acme/main", "stock-SKU-2@WH", "stock.received.v9", b"{}")
        drain(log, projection, shard)
        streams = ParkedStreams(log.pool, projection.name, projection.version).streams()
        assert list(streams) == [("acme/main", "stock-SKU-2@WH")]

    @staticmethod
    def is_one_of_many(event: RecordedEvent, events: Sequence[RecordedEvent]) -> bool:
        """Whether its stream goes on after it, and began before it."""
        same = [
            each for each in events if (each.ledger, each.stream) == (event.ledger, event.stream)
        ]
        return event.stream_version > 1 and len(same) > 2
