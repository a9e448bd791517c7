"""Tasks that wait for their time or their answer: found, settled, put off, and dropped when old."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from msgspec import json
from psycopg.rows import class_row

from commands.processes import tables
from commands.processes.process import VERSION, AnyManager, Instance, Sent, task_key
from commands.processes.turn import Turn
from commands.submission import Answer
from eventlog.crash_points import crash_point
from eventlog.postgres.connections import Pool, borrowed

log = structlog.get_logger(__name__)

# A manager that folds old history sends nothing yet: what it has not seen may settle most of what
# it would send, as after a rebuild of its tables. One that is late, but in the present, does send.
BEHIND_EVENTS_MAX: Final = 20_000
PRESENT: Final = timedelta(minutes=5)
DONE_KEPT: Final = timedelta(days=7)
TRIMMED_MAX: Final = 5_000

DUE: Final = """
SELECT t.process, t.ledger, t.task_id, t.tenant, t.instance, t.due_at, t.attempts,
       t.command::text AS command, t.correlation
  FROM process_tasks AS t
  JOIN shards AS s ON s.shard = t.shard
  JOIN projection_checkpoints AS c
    ON c.projection = 'process.' || t.process AND c.version = %(version)s AND c.shard = t.shard
 WHERE t.done_at IS NULL AND t.send_at <= %(now)s AND t.shard = ANY(%(shards)s)
   AND t.process = ANY(%(processes)s)
   AND (s.position - c.position <= %(behind)s OR c.recorded_at > %(present)s)
 ORDER BY t.send_at LIMIT %(most)s
"""
NEXT: Final = """
SELECT min(send_at) FROM process_tasks
 WHERE done_at IS NULL AND send_at > %(now)s AND shard = ANY(%(shards)s)
"""
LOCK: Final = """
SELECT t.ledger, t.task_id
  FROM unnest(%(ledgers)s::text[], %(tasks)s::text[]) AS wanted (ledger, task_id)
  JOIN process_tasks AS t ON t.process = %(process)s AND t.ledger = wanted.ledger
       AND t.task_id = wanted.task_id
 WHERE t.done_at IS NULL
   FOR UPDATE OF t
"""
DONE: Final = """
UPDATE process_tasks AS t
   SET done_at = %(now)s, attempts = attempts + 1, outcome = said.outcome, code = said.code
  FROM unnest(%(ledgers)s::text[], %(tasks)s::text[], %(outcomes)s::text[], %(codes)s::text[])
       AS said (ledger, task_id, outcome, code)
 WHERE t.process = %(process)s AND t.ledger = said.ledger AND t.task_id = said.task_id
"""
PUT_OFF: Final = """
UPDATE process_tasks AS t SET send_at = %(until)s, attempts = attempts + 1
  FROM unnest(%(processes)s::text[], %(ledgers)s::text[], %(tasks)s::text[])
       AS late (process, ledger, task_id)
 WHERE (t.process, t.ledger, t.task_id) = (late.process, late.ledger, late.task_id)
   AND t.done_at IS NULL
"""
TRIM: Final = """
DELETE FROM process_tasks WHERE (process, ledger, task_id) IN (
       SELECT process, ledger, task_id FROM process_tasks
        WHERE done_at < %(before)s ORDER BY done_at LIMIT %(most)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTask:
    """A task to be sent now. `command` is JSON without its key."""

    process: str
    ledger: str
    task_id: str
    tenant: str
    instance: str
    due_at: datetime
    attempts: int
    command: str
    correlation: str | None

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.decode(self.command)
        return found

    @property
    def key(self) -> str:
        """The same at every attempt."""
        home = self.ledger.partition("/")[2]
        elsewhere = self.body().get("ledger", "main") != home
        return task_key(f"{self.process}@{home}" if elsewhere else self.process, self.task_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A task with its answer; None when it was no command at all."""

    task: DueTask
    answer: Answer | None


class Waiting:
    """The tasks of these managers. Blocks; thread-safe. Methods raise `LogUnavailableError`."""

    def __init__(self, pool: Pool, managers: Iterable[AnyManager]) -> None:
        self._pool = pool
        self._managers: Mapping[str, AnyManager] = {each.name: each for each in managers}

    def due(self, shards: Collection[int], now: datetime, most: int) -> Sequence[DueTask]:
        """What is to be sent of these shards' instances, longest due first."""
        values = {
            "version": VERSION,
            "now": now,
            "shards": sorted(shards),
            "processes": list(self._managers),
            "behind": BEHIND_EVENTS_MAX,
            "present": now - PRESENT,
            "most": most,
        }
        with (
            borrowed(self._pool) as connection,
            connection.cursor(row_factory=class_row(DueTask)) as cursor,
        ):
            return cursor.execute(DUE, values).fetchall()

    def next_at(self, shards: Collection[int], now: datetime) -> datetime | None:
        """When the next task of these shards' instances is due, if any is known."""
        with borrowed(self._pool) as connection:
            rows = connection.execute(NEXT, {"now": now, "shards": sorted(shards)}).fetchall()
        found: datetime | None = rows[0][0]
        return found

    def settle(self, settled: Sequence[Settled], now: datetime) -> None:
        """Note the answers, and what the managers say to them, one transaction a process.

        A task that was cancelled or settled meanwhile is passed over.
        """
        by_process: dict[str, list[Settled]] = {}
        for each in settled:
            by_process.setdefault(each.task.process, []).append(each)
        for process, of_process in by_process.items():
            with borrowed(self._pool) as connection, connection.transaction():
                self._settle(connection, self._managers[process], of_process, now)
                crash_point("processes.before_mark")

    def put_off(self, tasks: Sequence[DueTask], until: datetime) -> None:
        """Send these again later: they had no answer."""
        values = {
            "until": until,
            "processes": [task.process for task in tasks],
            "ledgers": [task.ledger for task in tasks],
            "tasks": [task.task_id for task in tasks],
        }
        with borrowed(self._pool) as connection:
            connection.execute(PUT_OFF, values)

    def trim(self, now: datetime) -> int:
        """Drop some of those that were done long ago; how many."""
        with borrowed(self._pool) as connection:
            values = {"before": now - DONE_KEPT, "most": TRIMMED_MAX}
            return connection.execute(TRIM, values).rowcount

    def _settle(
        self,
        connection: tables.Rows,
        manager: AnyManager,
        settled: Sequence[Settled],
        now: datetime,
    ) -> None:
        instances = {_instance(each.task) for each in settled}
        turn: Turn[Any] = Turn(connection, manager, instances)
        wanted = {
            "process": manager.name,
            "ledgers": [each.task.ledger for each in settled],
            "tasks": [each.task.task_id for each in settled],
        }
        open_ones = set(connection.execute(LOCK, wanted).fetchall())
        kept = [each for each in settled if (each.task.ledger, each.task.task_id) in open_ones]
        for each in kept:
            if each.answer is not None:
                instance = _instance(each.task)
                sent = _sent(each.task, each.answer, now)
                try:
                    reaction = manager.answered(sent, instance, turn.state(instance))
                except Exception as error:  # noqa: BLE001 - one instance must not stop all others
                    trace = "".join(traceback.format_exception(error))
                    log.error("answer not taken", task=each.task.key, trace=trace)  # noqa: TRY400 - no locals
                    continue
                turn.take(instance, reaction, correlation=each.task.correlation)
        connection.execute(DONE, _outcomes(manager.name, kept, now))
        turn.write()


def _sent(task: DueTask, answer: Answer, now: datetime) -> Sent:
    return Sent(
        id=task.task_id,
        due_at=task.due_at,
        command=task.body(),
        answered_at=now,
        answer=answer,
    )


def _instance(task: DueTask) -> Instance:
    return Instance(ledger=task.ledger, id=task.instance)


def _outcomes(process: str, settled: Sequence[Settled], now: datetime) -> dict[str, Any]:
    answers = [each.answer for each in settled]
    return {
        "process": process,
        "now": now,
        "ledgers": [each.task.ledger for each in settled],
        "tasks": [each.task.task_id for each in settled],
        "outcomes": [answer.outcome if answer else "invalid" for answer in answers],
        "codes": [answer.code if answer else None for answer in answers],
    }
