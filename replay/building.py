"""Builds the versions of a replay beside the active ones, up to the head of the log.

Each batch is one atomic write with the version's own checkpoint, so whoever runs the replay again
goes on where the last one died. Nothing here can act on anything but the versions' own tables and
keys: a projection has no way to anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Event
from time import monotonic
from typing import Final, Protocol, runtime_checkable
from uuid import UUID

import structlog
from psycopg import Connection, sql
from psycopg.errors import DiskFull
from psycopg.rows import TupleRow
from redis.exceptions import OutOfMemoryError

from eventlog.applying import Applier
from eventlog.codec import KNOWN_TYPES
from eventlog.log import LogReader
from eventlog.outages import OUTAGES, Backoff
from eventlog.parked import ParkedStreams
from eventlog.postgres.connections import Pool, borrowed
from eventlog.postgres.identity import store_identity
from eventlog.postgres.positions import shard_positions
from eventlog.projection import Projection, StoreUnavailableError
from projections.catalogue import ReadModel, versions
from projections.editions import edition
from projections.feedable import built_with
from projections.fingerprints import changed, fingerprints
from projections.versions import move_version
from replay.budget import Budget
from replay.bulk.run import Bulk, RangeRefusedError, Turn, fold_ranges
from replay.bulk.sinks import Sink
from replay.bulk.workers import Workers
from replay.holding import Holding, LeaseLostError, ReplayCancelledError
from replay.pacing import Pacer
from replay.progress import Meter, Progress, ShardProgress
from replay.records import State, move, note, replay

log = structlog.get_logger(__name__)

RUNNABLE: Final[tuple[State, ...]] = ("planned", "building", "failed")
NOTE_SECONDS: Final = 1.0
# An outage that lasts longer ends the run; what is built stays, and the next run goes on.
OUTAGE_SECONDS_MAX: Final = 120.0

# What the check for determinism cuts by: primes, so that no two cuts fall on one place.
OTHER_BATCH_EVENTS: Final = 977
OTHER_RANGE_EVENTS: Final = 7_919

Make = Callable[[ReadModel], Projection]
Observe = Callable[[Progress], None]
FoldAgain = Callable[[ReadModel, Mapping[int, int]], bool]
Check = Callable[[Sequence[ReadModel], FoldAgain], None]
Spans = Mapping[int, tuple[int, int]]
"""Shard -> what is to be folded of it: behind the first position, up to the second."""


class BuildFailedError(Exception):
    """The versions could not be built; the active ones are as they were."""

    def __init__(self, replay_id: UUID, cause: BaseException) -> None:
        super().__init__(
            f"replay {replay_id} failed, and what is read is untouched: {cause}; repair the cause"
            " and run it again, or `backstock replay cancel`"
        )
        self.replay_id = replay_id
        self.cause = cause


class CodeChangedError(Exception):
    """What is built would be folded by two codes; nothing was changed."""

    def __init__(self, model: ReadModel, types: Collection[str]) -> None:
        super().__init__(
            f"the code that folds {model.name} v{model.version} has changed since it was planned"
            f" ({', '.join(sorted(types))}): `backstock replay cancel`, then plan again"
        )
        self.projection = model.name
        self.version = model.version


def build(  # noqa: PLR0913 - what a run is given, each by its name
    pool: Pool,
    reader: LogReader,
    replay_id: UUID,
    *,
    make: Make,
    owner: str,
    stop: Event,
    budget: Budget,
    observe: Observe,
    bulk: Bulk | None = None,
    check: Check | None = None,
) -> None:
    """From `planned` or `building` (or `failed`: tried again) to `following`, or until `stop`.

    With `bulk`, worker processes fold, and results are written as sets; without, each version is
    applied by its own projection, batch by batch. `check` is called once when the versions have
    caught up, before anybody else may write them; what it raises fails the replay.

    Raises `ReplayBusyError`, `ReplayStateError`, `CodeChangedError`, `UnknownEditionError`,
    `LeaseLostError`, `ReplayCancelledError`; `BuildFailedError` once it is marked as failed;
    OUTAGES that lasted too long, after which it is still `building`.
    """
    with Holding(pool, replay_id, owner) as held:
        with pool.connection() as connection, connection.transaction():
            move(connection, replay_id, wanted=RUNNABLE, to="building")
            note(connection, replay_id, error=None)
            found = replay(connection, replay_id)
            models = {
                each.projection: versions(connection, each.projection)[each.to_version]
                for each in found.targets
            }
            for model in models.values():
                check_code(connection, model)
        work = _Build(
            pool=pool,
            reader=reader,
            replay_id=replay_id,
            held=held,
            budget=budget,
            observe=observe,
            stop=stop,
            meter=Meter(replay_id, monotonic),
            bulk=bulk,
            check=check,
            make=make,
        )
        try:
            work.run(models)
        except (*OUTAGES, LeaseLostError, ReplayCancelledError):
            raise
        except Exception as error:
            with pool.connection() as connection, connection.transaction():
                move(connection, replay_id, wanted=["building"], to="failed")
                note(connection, replay_id, error=str(error))
            if isinstance(error, BuildFailedError):
                raise
            raise BuildFailedError(replay_id, error) from error


def _is_full(outage: Exception) -> bool:
    """Waiting does not help: somebody has to make room."""
    return isinstance(outage, StoreUnavailableError) and isinstance(
        outage.cause, DiskFull | OutOfMemoryError
    )


def check_code(connection: Connection[TupleRow], model: ReadModel) -> None:
    """Raises `CodeChangedError`, `UnknownEditionError`."""
    planned = built_with(connection, model)
    types = changed(planned, fingerprints(model.name, edition(model.edition)))
    if types:
        raise CodeChangedError(model, types)


@runtime_checkable
class Rebuildable(Protocol):
    """A projection that can forget everything."""

    def rebuild(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class _Version:
    """A version that is being built."""

    model: ReadModel
    projection: Projection
    applier: Applier


@dataclass(slots=True, kw_only=True)
class _Build:
    """One run of a build. Used by one thread."""

    pool: Pool
    reader: LogReader
    replay_id: UUID
    held: Holding
    budget: Budget
    observe: Observe
    stop: Event
    meter: Meter
    bulk: Bulk | None
    check: Check | None
    make: Make
    workers: Workers | None = None
    pacer: Pacer | None = None
    waiting: str = ""
    noted_at: float = 0.0
    went_well_at: float = field(default_factory=monotonic)

    def run(self, models: Mapping[str, ReadModel]) -> None:
        built = [self._version(model) for model in models.values()]
        for version in built:
            self._begin_again_if_emptied(version)
        with ExitStack() as resources:
            if self.bulk is not None:
                made = Workers(self.bulk.source, self.budget.cores)
                self.workers = resources.enter_context(made)
            self.pacer = Pacer(self.pool, self.budget, self.stop, told=self._waits)
            self._until_followed(built)

    def _begin_again_if_emptied(self, version: _Version) -> None:
        """Tables without a row, at checkpoints beyond 0: folded from the beginning once more.

        The other stores' projections find out by themselves what was lost.
        """
        if version.model.store != "postgres":
            return
        tables = [
            sql.SQL("SELECT FROM {}").format(sql.Identifier(table))
            for table in version.model.places.values()
        ]
        rows = sql.SQL("SELECT EXISTS ({})").format(sql.SQL(" UNION ALL ").join(tables))
        with borrowed(self.pool) as connection:
            ((is_there,),) = connection.execute(rows).fetchall()
        if not is_there and isinstance(version.projection, Rebuildable):
            version.projection.rebuild()

    def _until_followed(self, built: list[_Version]) -> None:
        """`check` is done on a version that has caught up, before the last few events."""
        backoff = Backoff()
        while not self.stop.is_set():
            try:
                left = self._round(built)
                backoff.went_well()
                if left > self.budget.batch_events or self.stop.is_set():
                    continue
                if self.check is not None:
                    self.check([version.model for version in built], self._fold_again)
                    self.check = None
                    continue
            except OUTAGES as outage:
                if _is_full(outage):
                    raise BuildFailedError(self.replay_id, outage) from outage
                if monotonic() - self.went_well_at > OUTAGE_SECONDS_MAX:
                    raise
                log.warning("replay waits", reason=str(outage))
                self.stop.wait(backoff.next_pause())
                continue
            self._finish(built)
            return

    def _version(self, model: ReadModel) -> _Version:
        epoch = store_identity(self.pool).epoch
        projection = self.make(model)
        parked = ParkedStreams(self.pool, model.name, model.version)
        applier = Applier(projection, parked, self.reader, epoch=epoch, known_types=KNOWN_TYPES)
        applier.load_parked()
        return _Version(model=model, projection=projection, applier=applier)

    def _round(self, built: list[_Version]) -> int:
        """Fold up to the head as it was at the start; how many events came meanwhile."""
        heads = dict(sorted(shard_positions(self.pool).items()))
        for version in built:
            for shard in sorted(heads):
                self.held.check()
                position = version.projection.checkpoint(shard).position
                self._note(version, shard, position, heads)
        for version in built:
            self._fold(version, heads)
        now = shard_positions(self.pool)
        return sum(position - heads.get(shard, 0) for shard, position in now.items())

    def _fold(self, version: _Version, heads: Mapping[int, int]) -> None:
        sink = self.bulk.sink(version.model) if self.bulk is not None else None
        if sink is not None:
            self._fold_ranges(version, sink, self._begun(version, sink, heads), heads)
        while sink is not None and not version.applier.parked:
            try:
                self._fold_ranges(version, sink, self._spans(version, heads), heads)
            except RangeRefusedError as refused:
                log.warning("range folded slowly", reason=str(refused))
                position = version.projection.checkpoint(refused.shard).position
                self._apply(version, refused.shard, position, refused.last, heads)
            else:
                return
        for shard, (after, head) in self._spans(version, heads).items():
            self._apply(version, shard, after, head, heads)

    def _spans(self, version: _Version, heads: Mapping[int, int]) -> Spans:
        return {
            shard: (version.projection.checkpoint(shard).position, head)
            for shard, head in heads.items()
        }

    def _begun(self, version: _Version, sink: Sink, heads: Mapping[int, int]) -> Spans:
        """Ranges that are in their store in part: nothing else may fold those events."""
        return {
            shard: (after, last)
            for shard, (after, _) in self._spans(version, heads).items()
            if (last := sink.unfinished(shard, after)) is not None
        }

    def _fold_ranges(
        self, version: _Version, sink: Sink, spans: Spans, heads: Mapping[int, int]
    ) -> None:
        assert self.bulk is not None
        assert self.workers is not None
        turn = Turn(
            go_on=self._go_on,
            reached=lambda shard, position: self._reached(version, shard, position, heads),
        )
        size = self.bulk.range_events
        fold_ranges(version.model, sink, self.workers, spans, range_events=size, turn=turn)

    def _fold_again(self, model: ReadModel, positions: Mapping[int, int]) -> bool:
        """Fold another version up to there, cut otherwise and backwards; False: stopped."""
        version = self._version(model)
        again = replace(
            self,
            budget=replace(self.budget, batch_events=OTHER_BATCH_EVENTS),
            bulk=self.bulk and replace(self.bulk, range_events=OTHER_RANGE_EVENTS),
            meter=Meter(self.replay_id, monotonic),
            observe=lambda _: None,
        )
        try:
            with ExitStack() as resources:
                if again.bulk is not None:
                    again.workers = resources.enter_context(Workers(again.bulk.source, 0))
                again._fold(version, dict(sorted(positions.items(), reverse=True)))  # noqa: SLF001
        finally:
            self.went_well_at = max(self.went_well_at, again.went_well_at)
        return not self.stop.is_set()

    def _apply(
        self, version: _Version, shard: int, after: int, last: int, heads: Mapping[int, int]
    ) -> None:
        """The projection's own way: parks what it cannot take."""
        position = after
        while position < last and self._go_on():
            limit = min(self.budget.batch_events, last - position)
            events = self.reader.read_shard(shard, position, limit)
            self.held.check()
            version.applier.apply(events)
            position = events[-1].shard_position
            self._reached(version, shard, position, heads)

    def _waits(self, why: str) -> None:
        if why != self.waiting:
            self.waiting = why
            self._tell("building")

    def _go_on(self) -> bool:
        self.held.check()
        if self.pacer is not None:
            self.pacer.wait(self.held.check)
        return not self.stop.is_set()

    def _reached(
        self, version: _Version, shard: int, position: int, heads: Mapping[int, int]
    ) -> None:
        self.went_well_at = monotonic()
        self._note(version, shard, position, heads)

    def _note(self, version: _Version, shard: int, position: int, heads: Mapping[int, int]) -> None:
        model = version.model
        self.meter.note(
            ShardProgress(
                projection=model.name,
                version=model.version,
                store=model.store,
                shard=shard,
                position=position,
                head=max(position, heads[shard]),
            )
        )
        now = monotonic()
        if now - self.noted_at >= NOTE_SECONDS:
            self.noted_at = now
            self._tell("building")

    def _tell(self, state: str) -> None:
        progress = self.meter.progress(state, self.waiting)
        with borrowed(self.pool) as connection:
            note(connection, self.replay_id, progress=progress.as_dict())
        self.observe(progress)

    def _finish(self, built: list[_Version]) -> None:
        """From here on the projectors feed the versions, from the same checkpoints."""
        self.held.check()
        with borrowed(self.pool) as connection, connection.transaction():
            for version in built:
                model = version.model
                move_version(
                    connection, model.name, model.version, wanted=["building"], to="following"
                )
            move(connection, self.replay_id, wanted=["building"], to="following")
        self._tell("following")
