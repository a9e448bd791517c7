"""Pools for the two roles that log in, and the one way to read as a tenant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from eventlog.log import LogUnavailableError

Pool = ConnectionPool[Connection[TupleRow]]

# A writer that cannot lock its shard's head within this asks whether the holder is stalled.
LOCK_MILLISECONDS_MAX = 1_500
STATEMENT_MILLISECONDS_MAX = 60_000
CONNECT_SECONDS_MAX = 5
POOL_WAIT_SECONDS_MAX = 5.0
# Short, so that the pool's growing pauses between attempts never outlast an outage by much: the
# next borrower starts anew.
RECONNECT_SECONDS_MAX = 4.0
# A peer that vanished without a word is given up after about 10 s + 3 x 5 s.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
ROLE = """
    SELECT rolname, rolsuper, rolbypassrls,
        EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)
    FROM pg_roles WHERE rolname = current_user
"""


class RoleError(Exception):
    def __init__(self, role: str, why: str) -> None:
        super().__init__(f"role {role!r} must not be used here: it {why}")
        self.role = role
        self.why = why


def open_log_pool(dsn: str, *, size: int, name: str) -> Pool:
    """Autocommit connections of the log role. `close()` it.

    Look-ups on the log are by key, from plans that are kept: made while a table is empty, a plan
    would scan it for ever, so scans and hash joins are the last resort on these connections.
    Raises `RoleError` for a superuser or an owner of tables, `LogUnavailableError`.
    """
    _refuse_role(dsn, exempt=True)
    options = (
        f"-c lock_timeout={LOCK_MILLISECONDS_MAX} -c statement_timeout={STATEMENT_MILLISECONDS_MAX}"
        " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
        " -c plan_cache_mode=force_generic_plan"
    )
    return _pool(dsn, size=size, name=name, options=options)


def open_read_pool(dsn: str, *, size: int, name: str) -> Pool:
    """Connections of the read role; use them by `tenant_transaction`. `close()` it.

    Raises `RoleError` for a role that row-level security does not bind, `LogUnavailableError`.
    """
    _refuse_role(dsn, exempt=False)
    # As the session's own way, so that a transaction need not say it in a round trip of its own.
    # Planned anew each time: a plan kept from when the events were few would read them all.
    options = (
        f"-c statement_timeout={STATEMENT_MILLISECONDS_MAX} -c default_transaction_read_only=on"
        " -c plan_cache_mode=force_custom_plan"
        r" -c default_transaction_isolation=repeatable\ read"
    )
    return _pool(dsn, size=size, name=name, options=options)


@contextmanager
def tenant_transaction(pool: Pool, tenant: str) -> Iterator[Connection[TupleRow]]:
    """One read-only transaction at one snapshot that sees the rows of one tenant.

    The tenant is set for the transaction alone, so the next borrower of the connection sees none.
    Raises `LogUnavailableError` when no connection is to be had.
    """
    with borrowed(pool) as connection, connection.transaction():
        connection.execute(
            "SELECT set_config('backstock.tenant', %s, true)", (tenant,), prepare=True
        )
        yield connection


@contextmanager
def borrowed(pool: Pool) -> Iterator[Connection[TupleRow]]:
    """A connection for reading; what breaks it is a `LogUnavailableError`."""
    try:
        with pool.connection() as connection:
            try:
                yield connection
            finally:
                if connection.closed:
                    # Whatever broke it has broken its idle neighbours as well.
                    pool.drain()
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        raise LogUnavailableError(str(error).strip()) from error


def _pool(dsn: str, *, size: int, name: str, options: str) -> Pool:
    settings = {
        "autocommit": True,
        "connect_timeout": CONNECT_SECONDS_MAX,
        "application_name": name,
        "options": f"-c timezone=UTC -c jit=off {options}",
        **KEEPALIVE,
    }
    return ConnectionPool(
        dsn,
        kwargs=settings,
        min_size=1,
        max_size=size,
        name=name,
        timeout=POOL_WAIT_SECONDS_MAX,
        reconnect_timeout=RECONNECT_SECONDS_MAX,
        open=True,
    )


def _refuse_role(dsn: str, *, exempt: bool) -> None:
    """Raise `RoleError` for a role that nothing binds or, unless `exempt`, sees every tenant."""
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS_MAX) as connection:
            role, superuser, bypasses, owns = connection.execute(ROLE).fetchall()[0]
    except psycopg.OperationalError as error:
        raise LogUnavailableError(str(error).strip()) from error
    if superuser or owns:
        raise RoleError(role, "is a superuser or owns tables, so nothing binds it")
    if bypasses and not exempt:
        raise RoleError(role, "would read every tenant's rows")
