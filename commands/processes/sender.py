"""Sends what process managers have said, as ordinary commands under keys of their own.

no answer (busy, unavailable, …)   sent again later, under the same key
accepted, refused, key conflict    settled, and its manager hears of it
no command at all                  settled as invalid, and logged: a fault of the manager's
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import structlog
from msgspec import json
from pydantic import Field, TypeAdapter, ValidationError

from commands.count_messages import PostCountPart
from commands.crossing_messages import ArriveCrossing, HandOverCrossing, ReturnCrossing
from commands.group_commit import ClosedError, GroupCommit, OverloadedError
from commands.messages import Command
from commands.payment_messages import NoteRefundDue, TimeOutPayment
from commands.processes.waiting import DueTask, Settled, Waiting
from commands.reservation_messages import OpenQuota
from commands.submission import Answer, Submission
from eventlog.crash_points import crash_point
from eventlog.outages import OUTAGES, Backoff

log = structlog.get_logger(__name__)

SENT_AT_ONCE_MAX: Final = 500
# How often it is looked for what is due, when nobody says that something may be.
LOOK_SECONDS_MAX: Final = 0.5
AGAIN_SECONDS_MIN: Final = 0.25
AGAIN_SECONDS_MAX: Final = 60.0
AGAIN_DOUBLED_MAX: Final = 8
TRIM_EVERY_SECONDS: Final = 600.0
# In place of the key while a command's shape is checked: the real one is none a client may use.
ANY_KEY: Final = "task"

# What a task may be: any command, and those that are open to no client.
Sendable = (
    Command
    | OpenQuota
    | TimeOutPayment
    | NoteRefundDue
    | ArriveCrossing
    | HandOverCrossing
    | ReturnCrossing
    | PostCountPart
)
TASK: Final[TypeAdapter[Sendable]] = TypeAdapter(Annotated[Sendable, Field(discriminator="type")])


class Sender:
    """Lives in one event loop. `shards` are those whose tasks are this process's to send, and
    `clock` is the one by which the log's appender tells time: due there is due here.
    """

    def __init__(
        self,
        group_commit: GroupCommit,
        waiting: Waiting,
        *,
        shards: Callable[[], Collection[int]],
        clock: Callable[[], datetime],
    ) -> None:
        self._group_commit = group_commit
        self._waiting = waiting
        self._shards = shards
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._trimmed_at = self._loop.time()

    def wake(self) -> None:
        """Something may be due: look at once. From any thread."""
        # A loop that has ended needs no waking.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop` is set. An outage is waited out."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                pause = 0.0 if await self.send_due() else await self._pause()
                backoff.went_well()
            except OUTAGES as outage:
                pause = backoff.next_pause()
                log.warning("sender waits", reason=str(outage), seconds=pause)
            except OverloadedError:
                pause = backoff.next_pause()
            except ClosedError:
                return
            await self._rest(pause, stop)

    async def send_due(self) -> int:
        """Send what is due now, up to SENT_AT_ONCE_MAX; how many there were."""
        self._wake.clear()
        shards = self._shards()
        if not shards:
            return 0
        now = self._clock()
        due = await asyncio.to_thread(self._waiting.due, shards, now, SENT_AT_ONCE_MAX)
        if due:
            await self._send(due)
        return len(due)

    async def _send(self, due: Sequence[DueTask]) -> None:
        submissions = [_submission(task) for task in due]
        sent = [each for each in submissions if each is not None]
        answers = iter(await self._group_commit.submit(sent))
        crash_point("processes.after_submit")
        told = [None if each is None else next(answers) for each in submissions]
        now = self._clock()
        settled = []
        for task, answer in zip(due, told, strict=True):
            if answer is None or answer.outcome not in {"failed", "not_applied"}:
                settled.append(Settled(task=task, answer=answer))
                _log_strange(task, answer)
                continue
            doubled = min(task.attempts, AGAIN_DOUBLED_MAX)
            seconds = min(AGAIN_SECONDS_MIN * 2**doubled, AGAIN_SECONDS_MAX)
            log.warning("task sent again", task=task.key, code=answer.code, seconds=seconds)
            again_at = now + timedelta(seconds=seconds)
            await asyncio.to_thread(self._waiting.put_off, [task], again_at)
        await asyncio.to_thread(self._waiting.settle, settled, now)

    async def _pause(self) -> float:
        """Seconds until it is worth looking again, if nobody wakes it."""
        now = self._clock()
        if self._loop.time() > self._trimmed_at + TRIM_EVERY_SECONDS:
            self._trimmed_at = self._loop.time()
            await asyncio.to_thread(self._waiting.trim, now)
        shards = self._shards()
        next_at = await asyncio.to_thread(self._waiting.next_at, shards, now) if shards else None
        if next_at is None:
            return LOOK_SECONDS_MAX
        return min(max(0.0, (next_at - now).total_seconds()), LOOK_SECONDS_MAX)

    async def _rest(self, seconds: float, stop: asyncio.Event) -> None:
        """Until somebody wakes it, it is to stop, or the time is over."""
        if seconds and not self._wake.is_set():
            waits = [asyncio.create_task(self._wake.wait()), asyncio.create_task(stop.wait())]
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()


def _submission(task: DueTask) -> Submission | None:
    """None for what is no command; it is logged then."""
    try:
        command = TASK.validate_json(json.encode({**task.body(), "key": ANY_KEY}))
    except ValidationError as error:
        log.error("task is no command", task=task.key, error=str(error))  # noqa: TRY400 - no trace needed
        return None
    return Submission(
        tenant=task.tenant,
        actor=f"system_process_{task.process}",
        command=command.model_copy(update={"key": task.key}),
        correlation_id=task.correlation,
    )


def _log_strange(task: DueTask, answer: Answer | None) -> None:
    if answer is not None and answer.outcome == "key_conflict":
        log.error("task was another command before", task=task.key)
