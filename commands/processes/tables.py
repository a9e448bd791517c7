"""The rows of process managers in PostgreSQL: positions, instances, tasks. Statements, no rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import json
from psycopg import Connection
from psycopg.rows import TupleRow

from commands.processes.process import VERSION, Instance, Task
from eventlog.checkpoints import ensure_checkpoints
from eventlog.projection import Batch, EpochMismatchError, StaleCheckpointError

Rows = Connection[TupleRow]

NEXT_EPOCH: Final = """
UPDATE projection_checkpoints SET epoch = %(epoch)s
 WHERE projection = ANY(%(names)s) AND version = %(version)s AND epoch < %(epoch)s
"""
POSITIONS: Final = """
SELECT projection, epoch, position FROM projection_checkpoints
 WHERE projection = ANY(%s) AND version = %s AND shard = %s
"""
ADVANCE: Final = """
UPDATE projection_checkpoints AS mark
   SET position = %(last)s, recorded_at = %(recorded_at)s, applied_at = clock_timestamp()
  FROM unnest(%(names)s::text[], %(afters)s::bigint[]) AS stood (name, after)
 WHERE mark.projection = stood.name AND mark.version = %(version)s AND mark.shard = %(shard)s
   AND mark.epoch = %(epoch)s AND mark.position = stood.after
"""
# In one order, so that two transactions never wait for each other.
LOCK_LEDGERS: Final = """
SELECT pg_advisory_xact_lock(wanted.number) FROM (
       SELECT DISTINCT hashtextextended(name, 0) AS number FROM unnest(%s::text[]) AS name
        ORDER BY number) AS wanted
"""
STATES: Final = """
SELECT s.ledger, s.id, s.body::text
  FROM unnest(%(ledgers)s::text[], %(ids)s::text[]) AS wanted (ledger, id)
  JOIN process_states AS s
    ON s.process = %(process)s AND s.ledger = wanted.ledger AND s.id = wanted.id
"""
KEEP_STATES: Final = """
INSERT INTO process_states (process, ledger, id, tenant, body)
SELECT %(process)s, kept.ledger, kept.id, split_part(kept.ledger, '/', 1), kept.body::json
  FROM unnest(%(ledgers)s::text[], %(ids)s::text[], %(bodies)s::text[]) AS kept (ledger, id, body)
    ON CONFLICT (process, ledger, id) DO UPDATE
   SET body = excluded.body, changed_at = clock_timestamp()
"""
FORGET_STATES: Final = """
DELETE FROM process_states AS s USING unnest(%(ledgers)s::text[], %(ids)s::text[]) AS gone (l, i)
 WHERE s.process = %(process)s AND s.ledger = gone.l AND s.id = gone.i
"""
KEEP_TASKS: Final = """
INSERT INTO process_tasks (process, ledger, task_id, tenant, shard, instance, due_at, send_at,
                           command, correlation)
SELECT %(process)s, said.ledger, said.task_id, home.tenant, home.shard, said.instance, said.due_at,
       said.due_at, said.command::jsonb, said.correlation
  FROM unnest(%(ledgers)s::text[], %(tasks)s::text[], %(instances)s::text[],
              %(due)s::timestamptz[], %(commands)s::text[], %(correlations)s::text[])
       AS said (ledger, task_id, instance, due_at, command, correlation)
  JOIN ledgers AS home ON home.ledger = said.ledger
    ON CONFLICT DO NOTHING
"""
CANCEL_TASKS: Final = """
DELETE FROM process_tasks AS t USING unnest(%(ledgers)s::text[], %(tasks)s::text[]) AS gone (l, i)
 WHERE t.process = %(process)s AND t.ledger = gone.l AND t.task_id = gone.i AND t.done_at IS NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A task with the instance that said it, and what led to it."""

    instance: Instance
    task: Task
    correlation: str | None


def checkpoint_name(process: str) -> str:
    """By which a process manager's own checkpoints are found."""
    return f"process.{process}"


def ensure(connection: Rows, names: Sequence[str], *, epoch: int, shards: int) -> None:
    """Make the checkpoints that are missing, at 0; take those that are there into this epoch.

    They stand in the log's own database: whatever that was restored to, they were with it.
    """
    for name in names:
        ensure_checkpoints(connection, name, VERSION, epoch=epoch, shards=shards)
    values = {"epoch": epoch, "names": list(names), "version": VERSION}
    connection.execute(NEXT_EPOCH, values)


def positions(
    connection: Rows, names: Sequence[str], shard: int, *, epoch: int
) -> Mapping[str, int]:
    """Where each of them stands. Raises `EpochMismatchError`."""
    found = dict.fromkeys(names, 0)
    for name, its_epoch, position in connection.execute(POSITIONS, (list(names), VERSION, shard)):
        if its_epoch != epoch:
            raise EpochMismatchError(f"{name}, shard {shard},", its_epoch, epoch)
        found[name] = position
    return found


def advance(connection: Rows, afters: Mapping[str, int], batch: Batch) -> None:
    """Move these checkpoints from where they stood to the batch's end, and lock their rows.

    Raises `StaleCheckpointError` when one of them stood elsewhere.
    """
    values = {
        "names": list(afters),
        "afters": list(afters.values()),
        "version": VERSION,
        "shard": batch.shard,
        "epoch": batch.epoch,
        "last": batch.last,
        "recorded_at": batch.recorded_at,
    }
    if connection.execute(ADVANCE, values).rowcount != len(afters):
        names = ", ".join(afters)
        raise StaleCheckpointError(names, VERSION, batch.shard, min(afters.values()))


def lock_ledgers(connection: Rows, process: str, ledgers: Collection[str]) -> None:
    """Nobody else changes this process's instances of these ledgers until the transaction ends."""
    connection.execute(LOCK_LEDGERS, ([f"{process} {ledger}" for ledger in ledgers],))


def states(
    connection: Rows, process: str, wanted: Collection[Instance]
) -> Mapping[Instance, bytes]:
    """The stored bodies of those that have begun."""
    rows = connection.execute(STATES, {"process": process} | _named(wanted))
    return {Instance(ledger=ledger, id=id_): body.encode() for ledger, id_, body in rows}


def keep_states(connection: Rows, process: str, changed: Mapping[Instance, bytes | None]) -> None:
    """Write these bodies; None forgets the instance."""
    kept = {instance: body for instance, body in changed.items() if body is not None}
    gone = [instance for instance, body in changed.items() if body is None]
    if kept:
        values: dict[str, Any] = {"process": process, **_named(kept)}
        values["bodies"] = [body.decode() for body in kept.values()]
        connection.execute(KEEP_STATES, values)
    if gone:
        connection.execute(FORGET_STATES, {"process": process} | _named(gone))


def keep_tasks(connection: Rows, process: str, said: Collection[Said]) -> None:
    """Write tasks; one that is there already, done or not, stays as it is."""
    if not said:
        return
    values = {
        "process": process,
        "ledgers": [each.instance.ledger for each in said],
        "tasks": [each.task.id for each in said],
        "instances": [each.instance.id for each in said],
        "due": [each.task.due_at for each in said],
        "commands": [json.encode(each.task.command).decode() for each in said],
        "correlations": [each.correlation for each in said],
    }
    connection.execute(KEEP_TASKS, values)


def cancel_tasks(connection: Rows, process: str, tasks: Collection[tuple[str, str]]) -> None:
    """Forget tasks by (ledger, id) that are not done yet."""
    if tasks:
        values = {
            "process": process,
            "ledgers": [ledger for ledger, _ in tasks],
            "tasks": [task for _, task in tasks],
        }
        connection.execute(CANCEL_TASKS, values)


def _named(instances: Iterable[Instance]) -> dict[str, list[str]]:
    listed = list(instances)
    return {"ledgers": [each.ledger for each in listed], "ids": [each.id for each in listed]}
