"""The relay: publishes what the store has and Kafka has not, in order, at least once.

For each shard whose lease it holds: read after the cursor, publish, wait until Kafka has all of
it, move the cursor by compare-and-set. A crash anywhere only publishes something again. After any
error nothing is believed: the producer is dropped, and each partition's last record says anew
where to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Final

import structlog

from eventlog.crash_points import crash_point
from eventlog.kafka.cursors import Cursor, RelayCursors
from eventlog.kafka.head_signing import HeadSigner
from eventlog.kafka.publisher import Publisher
from eventlog.kafka.records import encode
from eventlog.kafka.tails import Tail, read_tails
from eventlog.kafka.topics import Topic, ensure_topic
from eventlog.leases import ShardLeases
from eventlog.log import LogReader
from eventlog.outages import OUTAGES, Backoff
from eventlog.progress import Health, Progress, Standing

log = structlog.get_logger(__name__)

PAGE: Final = 2_000
# Published before the cursors move: bounds what is repeated after a crash, and memory.
ROUND_EVENTS_MAX: Final = 16_000
# A round soon after events, and when nothing has come for a while.
BUSY_SECONDS: Final = 0.02
IDLE_SECONDS: Final = 0.1
BUSY_ROUNDS: Final = 50
LOOK_SECONDS: Final = 1.0


class ForkedTopicError(Exception):
    """Kafka holds an event that is not in the store: another history, or another store's topic."""

    def __init__(self, topic: str, shard: int, position: int) -> None:
        super().__init__(
            f"the last record of partition {shard} of topic {topic} is event {position} of a "
            "history that this store does not have: if an older backup was restored, delete the "
            "topic, and the relay fills it again from the store; if the topic belongs to another "
            "store, choose another prefix (BACKSTOCK_KAFKA_PREFIX)"
        )
        self.topic = topic
        self.shard = shard
        self.position = position


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayParts:
    """What a relay works with. `shard_positions` has the store's last position by shard."""

    bootstrap: str
    events: Topic
    reader: LogReader
    leases: ShardLeases
    cursors: RelayCursors
    shard_positions: Callable[[], Mapping[int, int]]
    signer: HeadSigner
    epoch: int


def run_relay(
    parts: RelayParts,
    *,
    stop: Event,
    observe: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = monotonic,
) -> None:
    """Publish until `stop` is set; then sign the last heads and let go of the leases.

    `observe` gets a snapshot about every second. Raises `ForkedTopicError`, `TopicMismatchError`,
    `LeaseTakenError` and `StrangeRecordError`: the process must end then.
    """
    relay = Relay(parts, clock)
    backoff = Backoff()
    try:
        while not stop.is_set():
            try:
                relay.turn(stop)
                if relay.look_around():
                    observe(relay.progress("running"))
                    backoff.went_well()
            except OUTAGES as outage:
                pause = backoff.next_pause()
                log.warning("waiting", role="relay", reason=str(outage), seconds=pause)
                relay.suspend()
                observe(relay.progress("waiting", str(outage)))
                stop.wait(pause)
    finally:
        relay.close()
        observe(relay.progress("stopped"))


class Relay:
    """The state of the loop: where each shard it holds stands. Used by one thread."""

    def __init__(self, parts: RelayParts, clock: Callable[[], float]) -> None:
        self._parts = parts
        self._clock = clock
        self._publisher: Publisher | None = None
        self._cursors: dict[int, Cursor] = {}
        self._heads: Mapping[int, int] = {}
        self._standing = Standing(clock)
        self._looked_at = -LOOK_SECONDS
        self._quiet_rounds = 0
        self._next_shard = 0
        self._events = 0
        self._rounds = 0

    def turn(self, stop: Event) -> None:
        """Once round: leases, one query for news, and what it says is published."""
        began_at = self._clock()
        publisher = self._publisher or self._connect(stop)
        self._tend()
        self._heads = self._parts.shard_positions()
        sent = self._send(publisher)
        if sent:
            publisher.confirm()
            crash_point("relay.after_publish")
            self._move(sent)
            self._quiet_rounds = 0
        else:
            self._quiet_rounds += 1
        self._parts.signer.sign_due(publisher, frozenset(self._cursors))
        if sum(after.position - before.position for before, after in sent.values()) < PAGE:
            busy = self._quiet_rounds < BUSY_ROUNDS
            pause = BUSY_SECONDS if busy else IDLE_SECONDS
            stop.wait(max(0.0, began_at + pause - self._clock()))

    def look_around(self) -> bool:
        """Whether LOOK_SECONDS have passed since it last said so."""
        if self._clock() < self._looked_at + LOOK_SECONDS:
            return False
        self._looked_at = self._clock()
        self._standing.compare(self._heads)
        return True

    def suspend(self) -> None:
        """Drop the producer with all it has not sent; forget what Kafka was thought to have."""
        if self._publisher is not None:
            self._publisher.abandon()
            self._publisher = None
        self._cursors.clear()

    def close(self) -> None:
        """Sign what has moved, if the stores are there, and let go of the leases."""
        try:
            if self._publisher is not None:
                self._parts.signer.sign(self._publisher, frozenset(self._cursors))
            self._parts.leases.release()
        except OUTAGES as outage:
            log.warning("leases run out by themselves", role="relay", reason=str(outage))
        self.suspend()

    def progress(self, health: Health, reason: str = "") -> Progress:
        """A snapshot of where this process stands."""
        return Progress(
            name="relay",
            health=health,
            reason=reason,
            shards=self._standing.shards(),
            events=self._events,
            batches=self._rounds,
        )

    def _connect(self, stop: Event) -> Publisher:
        parts = self._parts
        for topic in (parts.events, parts.signer.topic):
            ensure_topic(parts.bootstrap, topic, sleep=stop.wait)
        parts.cursors.ensure(parts.epoch)
        self._publisher = Publisher(parts.bootstrap, name=parts.leases.owner)
        return self._publisher

    def _tend(self) -> None:
        leases = self._parts.leases
        held = leases.tend() if leases.due else leases.held
        for shard in self._cursors.keys() - held:
            del self._cursors[shard]
            self._standing.forget(shard)
        if missing := sorted(held - self._cursors.keys()):
            self._resume(missing)

    def _resume(self, shards: list[int]) -> None:
        """Take up shards where Kafka's last record says, whatever their cursor says."""
        stored = self._parts.cursors.read()
        tails = read_tails(self._parts.bootstrap, self._parts.events.name, shards)
        moves = {}
        for shard in shards:
            before = stored[shard]
            position = self._published(shard, before, tails[shard])
            after = Cursor(epoch=self._parts.epoch, position=position)
            moves[shard] = (before, after)
            if after != before:
                log.info("cursor corrected", shard=shard, cursor=before.position, kafka=position)
        self._move(moves)

    def _published(self, shard: int, cursor: Cursor, tail: Tail) -> int:
        """The position up to which Kafka has everything."""
        if tail.last is None:
            # Made anew, or all of it has expired: then the cursor alone remembers.
            return cursor.position if tail.end > 0 else 0
        position = tail.last.shard_position
        stored = self._parts.reader.read_shard(shard, position - 1, 1)
        if not stored or stored[0].chain_hash != tail.last.chain_hash:
            raise ForkedTopicError(self._parts.events.name, shard, position)
        return position

    def _send(self, publisher: Publisher) -> Mapping[int, tuple[Cursor, Cursor]]:
        """Queue a page of each shard that has news; returns from where to where."""
        sent: dict[int, tuple[Cursor, Cursor]] = {}
        room = ROUND_EVENTS_MAX
        epoch, topic = self._parts.epoch, self._parts.events.name
        behind = [s for s, c in self._cursors.items() if c.position < self._heads.get(s, 0)]
        # Another shard is first each time, so that none starves when there is no room for all.
        behind.sort(key=lambda shard: (shard < self._next_shard, shard))
        for shard in behind:
            cursor = self._cursors[shard]
            page = self._parts.reader.read_shard(shard, cursor.position, min(PAGE, room))
            publisher.send(topic, shard, encode(page, epoch))
            after = Cursor(epoch=epoch, position=page[-1].shard_position)
            sent[shard] = (cursor, after)
            self._events += len(page)
            self._next_shard = shard + 1
            room -= len(page)
            if room <= 0:
                break
        return sent

    def _move(self, moves: Mapping[int, tuple[Cursor, Cursor]]) -> None:
        moved = self._parts.cursors.move(moves)
        self._rounds += 1
        for shard, (before, after) in moves.items():
            if shard in moved:
                self._cursors[shard] = after
                self._standing.note(shard, after.position)
            else:
                # Another relay has it. What we have published again, consumers skip.
                log.warning("cursor is another's", shard=shard, expected=before.position)
                self._cursors.pop(shard, None)
                self._parts.leases.doubt()
