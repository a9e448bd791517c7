"""The one committer of a shard in this process: writes a batch, whatever it takes, within bounds.

streams or histories not read   read them, decide again
too much history at once        write the batch in parts
shard busy, database away       wait and try again until the batch's patience ends
commit's answer lost            likewise: the keys tell what happened
positions do not fit            likewise, with nothing remembered
anything else                   halve the batch until the culprit stands alone, and fail only that
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from time import monotonic
from uuid import UUID

import structlog

from commands.answers import declined
from commands.batch import Batch, NotLoadedError, Unit
from commands.folds import StreamKey
from commands.loading import Loader
from commands.memory import ShardMemory
from commands.refusals import Busy, Internal, OutcomeUnknown, TooMuchHistory, Unavailable
from commands.snapshots import SnapshotKeeper
from commands.submission import Answer
from domain.refusals import Refusal
from eventlog.log import (
    Appended,
    Appender,
    AppendUnknownError,
    LogGapError,
    LogUnavailableError,
    ShardBusyError,
    StreamVersionConflict,
)

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 8.0  # For how long a batch is tried again before its callers are told to retry.
PAUSE_SECONDS = 0.1
PLANS_MAX = 8  # Each further plan needs another writer to have changed what is needed meanwhile.
CULPRITS_MAX = 32  # More than these in one batch are no culprits: something else is wrong.
IDLE_SECONDS_MAX = 1.0  # After a pause the memory may be far behind.
# Facts dated before what a stock remembers go through its whole past while the shard's head is
# locked: about 50 ms, and 130 MB when no two go through the same.
HISTORY_EVENTS_MAX = 1_000_000
HISTORY_EVENTS_ATOMIC_MAX = 10 * HISTORY_EVENTS_MAX

RETRIED = (AppendUnknownError, LogGapError, LogUnavailableError, ShardBusyError)
Answers = list[list[Answer]]


class NoAnswerError(Exception):
    def __init__(self, told: Refusal) -> None:
        super().__init__(told.sentence())
        self.told = told


class TooMuchHistoryError(Exception):
    """Decide on `units_max` units at once, each with its share of the history."""

    def __init__(self, units_max: int) -> None:
        super().__init__(f"about {units_max} units can be decided at once")
        self.units_max = units_max


class ShardWriter:
    """Blocks; used by one thread at a time. `stopping` ends the pauses between attempts."""

    def __init__(
        self,
        shard: int,
        *,
        appender: Appender,
        loader: Loader,
        keeper: SnapshotKeeper,
        new_id: Callable[[], UUID],
        stopping: Event,
    ) -> None:
        self._shard = shard
        self._appender = appender
        self._loader = loader
        self._keeper = keeper
        self._new_id = new_id
        self._stopping = stopping
        self._memory: ShardMemory | None = None
        self._used_at = monotonic()
        self._patience_seconds = PATIENCE_SECONDS

    def write(self, units: Sequence[Unit], memory_weight_max: int) -> Answers:
        """The answers of each unit's commands; a fault becomes the answer `failed`."""
        answers: Answers = []
        parts, culprits = [units], 0
        while parts:
            part = parts.pop()
            try:
                answers += self._write_together(part)
            except NoAnswerError as error:
                answers += failed(part, error.told)
            except TooMuchHistoryError as error:
                starts = range(0, len(part), error.units_max)
                parts += [part[start : start + error.units_max] for start in reversed(starts)]
            except Exception as error:  # noqa: BLE001 - logged, and told to whom it concerns
                if len(part) > 1 and culprits < CULPRITS_MAX:
                    half = len(part) // 2
                    parts += [part[half:], part[:half]]
                    continue
                culprits += len(part)
                keys = [unit.pendings[0].key for unit in part[:CULPRITS_MAX]]
                # As text: a logger that adds local variables would print whole batches of commands.
                trace = "".join(traceback.format_exception(error))
                log.error("commands_failed", shard=self._shard, keys=keys, trace=trace)  # noqa: TRY400
                answers += failed(part, Internal())
        if self._memory is not None:
            self._memory.trim(memory_weight_max)
            self._memory.trim_histories(0)
        return answers

    def _write_together(self, units: Sequence[Unit]) -> Answers:
        deadline = monotonic() + self._patience_seconds
        unknown = False
        while True:
            try:
                answers = self._attempt(units)
            except RETRIED as error:
                unknown = unknown or isinstance(error, AppendUnknownError)
                if isinstance(error, LogGapError):
                    # Another store than remembered, an older one restored perhaps: read it afresh.
                    self._memory = None
                log.warning("append_retried", shard=self._shard, error=repr(error))
                if monotonic() > deadline or self._stopping.wait(PAUSE_SECONDS):
                    # Those who queued behind this batch have waited already.
                    self._patience_seconds = 0.0
                    raise NoAnswerError(_told(error, unknown=unknown)) from error
            else:
                self._patience_seconds = PATIENCE_SECONDS
                return answers

    def _attempt(self, units: Sequence[Unit]) -> Answers:
        memory = self._ready_memory()
        memory.trim_histories(HISTORY_EVENTS_MAX)
        self._loader.load_for((each for unit in units for each in unit.pendings), memory)
        batch = Batch(units, memory, self._new_id)
        appended = self._append(batch, units, memory)
        if appended.last_shard_position >= appended.first_shard_position:
            position = appended.last_shard_position
            memory.confirm(batch.changed, batch.rewritten, position=position)
            self._keeper.keep_due(batch.changed, memory)
        self._used_at = monotonic()
        return batch.answers

    def _ready_memory(self) -> ShardMemory:
        if self._memory is None:
            self._memory = self._loader.begin(self._shard)
        elif monotonic() - self._used_at > IDLE_SECONDS_MAX:
            self._loader.freshen(self._memory, self._shard)
        return self._memory

    def _append(self, batch: Batch, units: Sequence[Unit], memory: ShardMemory) -> Appended:
        for _ in range(PLANS_MAX - 1):
            try:
                return self._appender.append(self._shard, batch)
            except NotLoadedError as error:
                self._loader.load(error.streams, memory)
                self._load_histories(error.histories, units, memory)
            except StreamVersionConflict as error:
                memory.forget((error.ledger, error.stream))
                self._loader.load([(error.ledger, error.stream)], memory)
        return self._appender.append(self._shard, batch)

    def _load_histories(
        self, wanted: Mapping[StreamKey, int], units: Sequence[Unit], memory: ShardMemory
    ) -> None:
        events_max = HISTORY_EVENTS_MAX if len(units) > 1 else HISTORY_EVENTS_ATOMIC_MAX
        events = self._loader.load_histories(wanted, memory, work_max=events_max)
        if events <= events_max:
            return
        if len(units) > 1:
            raise TooMuchHistoryError(max(1, len(units) * events_max // events))
        raise NoAnswerError(TooMuchHistory(events=events, events_max=events_max))


def _told(error: Exception, *, unknown: bool) -> Refusal:
    if unknown:
        return OutcomeUnknown()
    match error:
        case ShardBusyError():
            return Busy()
        case LogUnavailableError():
            return Unavailable()
        case _:
            return Internal()


def failed(units: Sequence[Unit], told: Refusal) -> Answers:
    """The answers of commands that met a fault."""
    return [
        [declined("failed", each.submission.command.ledger, told) for each in unit.pendings]
        for unit in units
    ]
