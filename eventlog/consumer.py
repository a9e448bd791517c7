"""The loop that keeps a projection up to date: last + 1, from Kafka or from the store.

Every shard whose lease this process holds is followed in Kafka from the read model's own
checkpoint. What is missing there (a gap, a topic that was made anew, a broker or relay that is
down) is read from the store, until Kafka has it again. An outage of any store is waited out: the
loop forgets what it holds, and later asks the read model again where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Final

import structlog

from eventlog.applying import Applier
from eventlog.codec import KNOWN_TYPES
from eventlog.feed import EventSource, ShardFeed
from eventlog.leases import ShardLeases
from eventlog.log import LogReader
from eventlog.outages import OUTAGES, Backoff
from eventlog.parked import ParkedStreams
from eventlog.progress import Health, Progress, Standing
from eventlog.projection import EpochMismatchError, Projection, StaleCheckpointError
from eventlog.shards import shard_of

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
# When the store has more and the source has brought nothing for so long, the store is read.
SILENCE_SECONDS_MAX: Final = 2.0
# A read model may lose its data while nothing happens: so often an idle one is asked.
IDLE_CHECK_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A batch ends at `events_max` events, or when the first has waited `wait_seconds`."""

    events_max: int = 2_000
    wait_seconds: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a projection is run with. `shard_positions` has the store's last position by shard."""

    source: EventSource
    reader: LogReader
    leases: ShardLeases
    parked: ParkedStreams
    shard_positions: Callable[[], Mapping[int, int]]
    epoch: int


def run_projection(
    projection: Projection,
    surroundings: Surroundings,
    *,
    stop: Event,
    bounds: Bounds | None = None,
    observe: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = monotonic,
) -> None:
    """Keep the projection up to date until `stop` is set; then let go of the leases.

    `observe` gets a snapshot about every second. Raises `StaleCheckpointError`,
    `LeaseTakenError`, `EpochMismatchError`, `TooManyParkedError`, and whatever the projection
    raises for a fault of its own: the process must end then, and may be started again.
    """
    consumer = Consumer(projection, surroundings, bounds or Bounds(), clock)
    backoff = Backoff()
    try:
        while not stop.is_set():
            try:
                consumer.turn(stop)
                if consumer.look_around():
                    observe(consumer.progress("running"))
                    backoff.went_well()
            except OUTAGES as outage:
                pause = backoff.next_pause()
                log.warning(
                    "waiting", projection=projection.name, reason=str(outage), seconds=pause
                )
                consumer.suspend()
                observe(consumer.progress("waiting", str(outage)))
                stop.wait(pause)
    finally:
        consumer.close()
        observe(consumer.progress("stopped"))


class Consumer:
    """The state of the loop: a feed for each shard it works on. Used by one thread."""

    def __init__(
        self,
        projection: Projection,
        surroundings: Surroundings,
        bounds: Bounds,
        clock: Callable[[], float],
    ) -> None:
        self._projection = projection
        self._around = surroundings
        self._bounds = bounds
        self._clock = clock
        self._feeds: dict[int, ShardFeed] = {}
        self._standing = Standing(clock)
        self._shards = 0
        self._looked_at = -LOOK_SECONDS
        self._events = 0
        self._batches = 0
        self._applier = Applier(
            projection,
            surroundings.parked,
            surroundings.reader,
            epoch=surroundings.epoch,
            known_types=KNOWN_TYPES,
        )

    def turn(self, stop: Event) -> None:
        """Once round: leases, what arrived, what is due. Blocks for about a batch's wait."""
        self._tend()
        if not self._feeds:
            stop.wait(LOOK_SECONDS)
            return
        reading = [feed for feed in self._feeds.values() if feed.from_store]
        wait = 0.0 if reading else self._bounds.wait_seconds
        asked_at = self._clock()
        arrived = self._around.source.poll(self._bounds.events_max, wait)
        for shard, events in arrived.items():
            feed = self._feeds.get(shard)
            if feed is None or feed.from_store:
                continue
            if not feed.offer(events, asked_at):
                log.info("gap in Kafka", shard=shard, after=feed.received)
                self._leave_source(feed)
        for feed in reading:
            self._read_store(feed)
        for feed in list(self._feeds.values()):
            self._apply_due(feed)

    def look_around(self) -> bool:
        """Every LOOK_SECONDS: silence, retries, read models that lost data. Whether it was time."""
        now = self._clock()
        if now < self._looked_at + LOOK_SECONDS:
            return False
        self._looked_at = now
        heads = self._around.shard_positions()
        self._shards = len(heads)
        self._standing.compare(heads)
        self._applier.retry_requested(self._position_of)
        for feed in list(self._feeds.values()):
            if (
                feed.received < heads.get(feed.shard, 0)
                and now > feed.heard_at + SILENCE_SECONDS_MAX
            ):
                self._leave_source(feed)
            elif now > feed.checked_at + IDLE_CHECK_SECONDS:
                self._check(feed)
        return True

    def suspend(self) -> None:
        """Forget every feed: the next turn begins with the read model's checkpoints."""
        for shard in self._feeds:
            self._around.source.drop(shard)
        self._feeds.clear()

    def close(self) -> None:
        """Stop following, and let go of the leases if the store is there."""
        self.suspend()
        try:
            self._around.leases.release()
        except OUTAGES as outage:
            log.warning("leases run out by themselves", reason=str(outage))

    def progress(self, health: Health, reason: str = "") -> Progress:
        """A snapshot of where this process stands."""
        return Progress(
            name=f"{self._projection.name}.v{self._projection.version}",
            health=health,
            reason=reason or self._around.source.trouble or "",
            shards=self._standing.shards(),
            events=self._events,
            batches=self._batches,
            parked=self._applier.parked,
        )

    def _tend(self) -> None:
        leases = self._around.leases
        held = leases.tend() if leases.due else leases.held
        for shard in self._feeds.keys() - held:
            self._drop(shard)
            self._standing.forget(shard)
        if missing := held - self._feeds.keys():
            self._applier.load_parked()
            for shard in sorted(missing):
                self._open(shard)

    def _open(self, shard: int) -> None:
        checkpoint = self._projection.checkpoint(shard)
        if checkpoint.epoch != self._around.epoch:
            what = f"{self._projection.name} v{self._projection.version}, shard {shard},"
            raise EpochMismatchError(what, checkpoint.epoch, self._around.epoch)
        self._feeds[shard] = ShardFeed(shard, checkpoint.position, self._clock())
        self._around.source.follow(shard, checkpoint.position)
        self._standing.note(shard, checkpoint.position)

    def _drop(self, shard: int) -> None:
        self._around.source.drop(shard)
        del self._feeds[shard]

    def _leave_source(self, feed: ShardFeed) -> None:
        self._around.source.drop(feed.shard)
        feed.from_store = True

    def _read_store(self, feed: ShardFeed) -> None:
        """Take a page from the store; the last page leads back to the source."""
        wanted = self._bounds.events_max
        page = self._around.reader.read_shard(feed.shard, feed.received, wanted)
        feed.offer(page, self._clock())
        if len(page) < wanted:
            feed.from_store = False
            self._around.source.follow(feed.shard, feed.received)

    def _apply_due(self, feed: ShardFeed) -> None:
        most, wait = self._bounds.events_max, self._bounds.wait_seconds
        while len(feed.pending) >= most or (
            feed.pending and self._clock() >= feed.waiting_since + wait
        ):
            events = feed.pending[:most]
            self._applier.apply(events)
            feed.applied(len(events), self._clock())
            self._standing.note(feed.shard, feed.position, events[-1].recorded_at)
            self._events += len(events)
            self._batches += 1

    def _check(self, feed: ShardFeed) -> None:
        """Ask an idle read model where it stands: it may have lost its data and begun anew."""
        feed.checked_at = self._clock()
        position = self._projection.checkpoint(feed.shard).position
        if position > feed.position:
            name, version = self._projection.name, self._projection.version
            raise StaleCheckpointError(name, version, feed.shard, feed.position)
        if position < feed.position:
            log.warning("read model went back", shard=feed.shard, position=position)
            self._drop(feed.shard)
            self._open(feed.shard)

    def _position_of(self, ledger: str) -> int | None:
        """The checkpoint of a ledger's shard, None when the shard is not ours."""
        if self._around.leases.due:
            self._tend()
        feed = self._feeds.get(shard_of(ledger, self._shards))
        return None if feed is None else feed.position
