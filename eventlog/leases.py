"""Who works on which shard: leases in PostgreSQL, by its clock, shared fairly among processes.

A lease only keeps processes from doing the same work twice. What keeps them from doing harm is the
compare-and-set on the cursor or checkpoint that the lease's row also holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, LiteralString

import structlog

from eventlog.postgres.connections import Pool, borrowed

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 10.0
# A lease is renewed this many times in its life, so that one slow round does not lose it.
RENEWALS_PER_LEASE: Final = 3
# A backend that waits this long for its client while it locks an expired lease is a stopped
# process: it would keep its successor from the row for ever.
STALLED_SECONDS_MAX: Final = 2.0
MARK: Final = "#"


class LeaseTakenError(Exception):
    """Another process of the same name has started: this one must end."""

    def __init__(self, role: str, name: str, shards: frozenset[int]) -> None:
        super().__init__(
            f"another {role} process named {name!r} took over shards {sorted(shards)}: "
            "give each running process a name of its own"
        )
        self.role = role
        self.name = name
        self.shards = shards


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTable:
    """Where the leases of one role are: SQL fragments, and the values they refer to."""

    role: str
    table: LiteralString
    owner: LiteralString
    scope: LiteralString
    values: Mapping[str, Any]


def relay_leases() -> LeaseTable:
    """The leases of relays, in the rows of their cursors."""
    return LeaseTable(role="relay", table="relay_cursors", owner="owner", scope="true", values={})


def projection_leases(projection: str, version: int) -> LeaseTable:
    """The leases of one projection version, in the rows of its checkpoints."""
    return LeaseTable(
        role=f"{projection}.v{version}",
        table="projection_checkpoints",
        owner="lease_owner",
        scope="projection = %(projection)s AND version = %(version)s",
        values={"projection": projection, "version": version},
    )


class ShardLeases:
    """The leases that this process holds in one role.

    `name` stays the same over restarts: a process takes over at once what an earlier one of its
    name still holds. `incarnation` is new at each start. Used by one thread.
    """

    def __init__(
        self,
        pool: Pool,
        table: LeaseTable,
        *,
        name: str,
        incarnation: str,
        seconds: float = LEASE_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if MARK in name:
            raise ValueError(f"a process's name must not hold {MARK!r}: {name!r}")
        self.owner = f"{name}{MARK}{incarnation}"
        self.held: frozenset[int] = frozenset()
        self._pool = pool
        self._table = table
        self._name = name
        self._seconds = seconds
        self._clock = clock
        self._asked_at = -float("inf")
        self._started = False
        self._values = {
            **table.values,
            "role": table.role,
            "name": name,
            "owner": self.owner,
            "prefix": f"{name}{MARK}",
            "seconds": seconds,
            "stalled": STALLED_SECONDS_MAX,
        }

    @property
    def due(self) -> bool:
        """Whether it is time to `tend`."""
        return self._clock() >= self._asked_at + self._seconds / RENEWALS_PER_LEASE

    def doubt(self) -> None:
        """Something says that a lease is lost: `tend` before the next work."""
        self._asked_at = -float("inf")

    def tend(self) -> frozenset[int]:
        """Renew what is held, hand over what is more than a fair share, take what is free.

        Returns the shards held now. Raises `LogUnavailableError` (what is held stays so until
        somebody else takes it), `LeaseTakenError`.
        """
        asked_at = self._clock()
        with borrowed(self._pool) as connection, connection.transaction():
            # A lost renewal after a crash of the server costs nothing: no need to wait for disk.
            connection.execute("SET LOCAL synchronous_commit TO off")

            def shards(statement: LiteralString, **more: object) -> frozenset[int]:
                filled = _fill(statement, self._table)
                rows = connection.execute(filled, self._values | more).fetchall()
                return frozenset(row[0] for row in rows)

            if evicted := shards(EVICT, starting=not self._started):
                log.warning(
                    "stopped process evicted", role=self._table.role, shards=sorted(evicted)
                )
            connection.execute(PRESENT, self._values)
            kept = shards(RENEW)
            # Only at the start: later, another of our name is a younger one, to whom we yield.
            taken_over = frozenset() if self._started else shards(TAKE_OVER)
            share = connection.execute(_fill(FAIR_SHARE, self._table), self._values).fetchall()[0][
                0
            ]
            held = kept | taken_over
            if len(held) > share:
                held -= shards(HAND_OVER, surplus=len(held) - share)
            elif len(held) < share:
                held |= shards(TAKE, wanted=share - len(held))
            lost = self.held - kept
            mine = shards(OF_MY_NAME, shards=sorted(lost)) if lost else frozenset()
        self._asked_at = asked_at
        self._started = True
        if mine:
            raise LeaseTakenError(self._table.role, self._name, mine)
        if held != self.held:
            log.info("leases changed", role=self._table.role, shards=sorted(held))
        self.held = held
        return held

    def release(self) -> None:
        """Let go of everything, so that others need not wait. Raises `LogUnavailableError`."""
        with borrowed(self._pool) as connection, connection.transaction():
            connection.execute(_fill(RELEASE, self._table), self._values)
            connection.execute(ABSENT, self._values)
        self.held = frozenset()


def _fill(statement: LiteralString, table: LeaseTable) -> LiteralString:
    return (
        statement.replace("<table>", table.table)
        .replace("<owner>", table.owner)
        .replace("<scope>", table.scope)
    )


PRESENT: Final = """
INSERT INTO consumer_members (role, name, seen_until)
VALUES (%(role)s, %(name)s, clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (role, name) DO UPDATE SET seen_until = excluded.seen_until
"""
ABSENT: Final = "DELETE FROM consumer_members WHERE role = %(role)s AND name = %(name)s"
RENEW: Final = """
UPDATE <table> SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE <scope> AND <owner> = %(owner)s
RETURNING shard
"""
TAKE_OVER: Final = """
UPDATE <table> SET <owner> = %(owner)s,
       lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE <scope> AND starts_with(<owner>, %(prefix)s) AND <owner> <> %(owner)s
RETURNING shard
"""
FAIR_SHARE: Final = """
SELECT ceil((SELECT count(*) FROM <table> WHERE <scope>)::numeric / count(*))::integer
  FROM consumer_members WHERE role = %(role)s AND seen_until >= clock_timestamp()
"""
HAND_OVER: Final = """
UPDATE <table> SET <owner> = NULL, lease_until = NULL
 WHERE <scope> AND shard IN (
       SELECT shard FROM <table> WHERE <scope> AND <owner> = %(owner)s
        ORDER BY shard DESC LIMIT %(surplus)s)
RETURNING shard
"""
TAKE: Final = """
UPDATE <table> SET <owner> = %(owner)s,
       lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE <scope> AND shard IN (
       SELECT shard FROM <table>
        WHERE <scope> AND (<owner> IS NULL OR lease_until < clock_timestamp())
        ORDER BY shard LIMIT %(wanted)s FOR UPDATE SKIP LOCKED)
RETURNING shard
"""
# A row's xmax is the transaction that locks it, if that is still running.
EVICT: Final = """
SELECT lease.shard::integer, pg_terminate_backend(backend.pid)
  FROM <table> AS lease
  JOIN pg_locks AS held ON held.locktype = 'transactionid' AND held.granted
       AND held.transactionid = lease.xmax
  JOIN pg_stat_activity AS backend ON backend.pid = held.pid
 WHERE <scope> AND (lease.lease_until < clock_timestamp()
                    OR %(starting)s AND starts_with(<owner>, %(prefix)s))
   AND backend.pid <> pg_backend_pid() AND backend.wait_event_type = 'Client'
   AND backend.state_change < clock_timestamp() - make_interval(secs => %(stalled)s)
"""
OF_MY_NAME: Final = """
SELECT shard FROM <table>
 WHERE <scope> AND shard = ANY(%(shards)s) AND starts_with(<owner>, %(prefix)s)
   AND <owner> <> %(owner)s
"""
RELEASE: Final = """
UPDATE <table> SET <owner> = NULL, lease_until = NULL WHERE <scope> AND <owner> = %(owner)s
RETURNING shard
"""
