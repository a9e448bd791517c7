"""Callers waiting at the same time share one transaction: what arrives during a commit is the next.

One queue and at most one committer a shard; a committer runs while its queue has something. All of
this is one event loop's; what blocks runs in threads.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

import structlog

from commands.answers import declined
from commands.batch import Pending, Unit
from commands.handlers import HANDLERS
from commands.loading import Loader
from commands.message import body_hash
from commands.refusals import AtomicOverLedgers, AtomicTooLarge, Internal
from commands.snapshots import SnapshotKeeper
from commands.submission import Answer, Mode, Submission
from commands.writer import Answers, ShardWriter, failed
from domain.refusals import Refusal
from eventlog.codec import Metadata, encode_metadata
from eventlog.log import Appender, LogReader, SnapshotStore
from eventlog.shards import shard_of

log = structlog.get_logger(__name__)

BATCH_COMMANDS_MAX = 1_000
BATCH_EVENTS_MAX = 5_000  # About 50 ms under the shard's lock: others wait no longer than that.
# Decided with the shard's head locked and no statement under way: 0.3 to 0.4 s of a core's time. A
# waiting writer takes a holder that is silent for 1.5 s for stalled, and ends its session.
ATOMIC_EVENTS_MAX = 10_000
QUEUED_EVENTS_MAX = 400_000
COMMITTERS_MAX = 16
HASHED_AT_ONCE_MAX = 32  # More commands than this are prepared off the event loop.
MEMORY_WEIGHT_MAX = 400_000  # Of half a kilobyte each, shared by the shards in use.


class OverloadedError(Exception):
    """Nothing was queued: come back in a moment."""

    def __init__(self, queued_events: int) -> None:
        super().__init__(f"about {queued_events} events are waiting to be written already")
        self.queued_events = queued_events


class ClosedError(Exception):
    """The write side is shutting down; nothing was queued."""


class _Ticket:
    """One submit's answers, in its own order, as they come."""

    def __init__(self, count: int) -> None:
        self.done: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._answers: list[Answer | None] = [None] * count
        self._open = count

    def answer(self, first_index: int, answers: Sequence[Answer]) -> None:
        self._answers[first_index : first_index + len(answers)] = answers
        self._open -= len(answers)
        # A caller that went away does not undo what it asked for.
        if not self._open and not self.done.done():
            self.done.set_result([each for each in self._answers if each is not None])


class _Lane:
    """A shard's callers in turn, and the committer that runs while any of them waits."""

    def __init__(self, writer: ShardWriter) -> None:
        self.writer = writer
        self.committer: asyncio.Task[None] | None = None
        self._turns: deque[tuple[_Ticket, deque[Unit]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def put(self, ticket: _Ticket, units: Iterable[Unit]) -> None:
        self._turns.append((ticket, deque(units)))

    def next_batch(self) -> list[tuple[Unit, _Ticket]]:
        """At least one unit, then as many as fit: one of each caller in turn, so that a bulk of
        thousands does not keep single commands waiting. A caller's own stay in order.
        """
        batch: list[tuple[Unit, _Ticket]] = []
        commands = events = 0
        while self._turns:
            ticket, waiting = self._turns[0]
            unit = waiting[0]
            commands += len(unit.pendings)
            events += unit.estimated_events
            if batch and (commands > BATCH_COMMANDS_MAX or events > BATCH_EVENTS_MAX):
                break
            batch.append((waiting.popleft(), ticket))
            self._turns.popleft()
            if waiting:
                self._turns.append((ticket, waiting))
        return batch


class GroupCommit:
    """Takes commands from many callers and gives each its one answer."""

    def __init__(
        self,
        *,
        appender: Appender,
        reader: LogReader,
        snapshots: SnapshotStore,
        shards: int,
        new_id: Callable[[], UUID],
    ) -> None:
        self._appender = appender
        self._loader = Loader(reader, snapshots)
        self._keeper = SnapshotKeeper(snapshots)
        self._shards = shards
        self._new_id = new_id
        self._lanes: dict[int, _Lane] = {}
        self._threads = ThreadPoolExecutor(
            max_workers=min(shards, COMMITTERS_MAX) + 1, thread_name_prefix="committer"
        )
        self._stopping = Event()
        self._closed = False
        self._queued_events = 0

    async def submit(
        self, submissions: Sequence[Submission], mode: Mode = "independent"
    ) -> list[Answer]:
        """One answer for each, in the same order, once they are durable.

        `atomic` takes all or none, of one ledger. Raises `OverloadedError` and `ClosedError`; any
        other fault is the answer `failed` of the commands it met. Cancelling undoes nothing.
        """
        if not submissions:
            return []
        events = [each.command.estimated_events() for each in submissions]
        if mode == "atomic" and (refusal := _not_atomic(submissions, sum(events))):
            return [declined("refused", each.command.ledger, refusal) for each in submissions]
        self._admit(sum(events))
        try:
            units = await self._units(submissions, events, mode)
            self._refuse_when_closed()
        except BaseException:
            self._queued_events -= sum(events)
            raise
        ticket = _Ticket(len(submissions))
        by_shard: dict[int, list[Unit]] = {}
        for unit in units:
            shard = shard_of(unit.pendings[0].ledger, self._shards)
            by_shard.setdefault(shard, []).append(unit)
        for shard, its_units in by_shard.items():
            lane = self._lane(shard)
            lane.put(ticket, its_units)
            if lane.committer is None:
                lane.committer = asyncio.create_task(self._commit(lane))
        return await ticket.done

    async def close(self) -> None:
        """Take nothing more, answer everything that waits, end the threads."""
        self._closed = True
        while running := [lane.committer for lane in self._lanes.values() if lane.committer]:
            await asyncio.gather(*running)
        self._stopping.set()
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._keeper.close)

    async def _units(
        self, submissions: Sequence[Submission], events: Sequence[int], mode: Mode
    ) -> list[Unit]:
        if len(submissions) <= HASHED_AT_ONCE_MAX:
            return _units(submissions, events, mode)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _units, submissions, events, mode)

    def _admit(self, events: int) -> None:
        self._refuse_when_closed()
        # However large, what comes to an empty queue is taken.
        if self._queued_events and self._queued_events + events > QUEUED_EVENTS_MAX:
            raise OverloadedError(self._queued_events)
        self._queued_events += events

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise ClosedError

    def _lane(self, shard: int) -> _Lane:
        lane = self._lanes.get(shard)
        if lane is None:
            writer = ShardWriter(
                shard,
                appender=self._appender,
                loader=self._loader,
                keeper=self._keeper,
                new_id=self._new_id,
                stopping=self._stopping,
            )
            lane = self._lanes[shard] = _Lane(writer)
        return lane

    async def _commit(self, lane: _Lane) -> None:
        while lane:
            batch = lane.next_batch()
            answers = await self._written(lane.writer, [unit for unit, _ in batch])
            for (unit, ticket), found in zip(batch, answers, strict=True):
                self._queued_events -= unit.estimated_events
                ticket.answer(unit.first_index, found)
        lane.committer = None

    async def _written(self, writer: ShardWriter, units: Sequence[Unit]) -> Answers:
        share = MEMORY_WEIGHT_MAX // len(self._lanes)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, writer.write, units, share)
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever
            # A writer answers for its faults itself, so this is a fault of ours.
            trace = "".join(traceback.format_exception(error))
            log.error("writer_failed", units=len(units), trace=trace)  # noqa: TRY400 - no locals
            return failed(units, Internal())


def _not_atomic(submissions: Sequence[Submission], events: int) -> Refusal | None:
    ledgers = tuple(sorted({each.ledger for each in submissions}))
    if len(ledgers) > 1:
        return AtomicOverLedgers(ledgers=tuple(each.partition("/")[2] for each in ledgers))
    if events > ATOMIC_EVENTS_MAX:
        return AtomicTooLarge(events=events, events_max=ATOMIC_EVENTS_MAX)
    return None


def _units(submissions: Sequence[Submission], events: Sequence[int], mode: Mode) -> list[Unit]:
    pendings = tuple(_pending(each) for each in submissions)
    if mode == "atomic":
        whole = Unit(pendings=pendings, atomic=True, estimated_events=sum(events), first_index=0)
        return [whole]
    return [
        Unit(pendings=(each,), atomic=False, estimated_events=events[index], first_index=index)
        for index, each in enumerate(pendings)
    ]


def _pending(submission: Submission) -> Pending:
    command = submission.command
    metadata = Metadata(
        actor=submission.actor,
        command_id=command.key,
        correlation_id=submission.correlation_id,
        traceparent=submission.traceparent,
    )
    return Pending(
        submission=submission,
        ledger=submission.ledger,
        body_hash=body_hash(command),
        metadata=encode_metadata(metadata),
        handler=HANDLERS[type(command)],
    )
