"""The three roles of the store, which belong to the whole PostgreSQL cluster, not to one database.

`backstock_owner` owns everything and cannot log in. `backstock_log` appends, relays, projects and
replays: exempt from row-level security (COPY is refused under it), no superuser. `backstock_read`
only reads, one tenant at a time.
"""

from __future__ import annotations

import psycopg
from psycopg import sql
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

OWNER = "backstock_owner"
LOG = "backstock_log"
READ = "backstock_read"

ATTRIBUTES = {
    OWNER: "NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE",
    LOG: "LOGIN NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE",
    READ: "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE",
}
# Starters on several databases of one cluster meet here, where no lock of a database helps.
ROLE_ATTEMPTS_MAX = 20


@retry(
    retry=retry_if_exception_type(
        (
            psycopg.errors.DuplicateObject,
            psycopg.errors.UniqueViolation,
            psycopg.errors.InternalError_,  # "tuple concurrently updated"
        )
    ),
    stop=stop_after_attempt(ROLE_ATTEMPTS_MAX),
    wait=wait_random(0.01, 0.2),
    reraise=True,
)
def ensure_roles(connection: psycopg.Connection, *, log_password: str, read_password: str) -> None:
    """Make the roles or put them right, passwords included; the admin must be allowed to."""
    passwords = {LOG: log_password, READ: read_password}
    with connection.transaction():
        for role, attributes in ATTRIBUTES.items():
            known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
            verb = "ALTER" if known.rowcount else "CREATE"
            statement = sql.SQL("{} ROLE {} WITH {}").format(
                sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes)
            )
            if role in passwords:
                # Hashed here: a password in clear would end up in the server's log.
                hashed = connection.pgconn.encrypt_password(
                    passwords[role].encode(), role.encode(), b"scram-sha-256"
                )
                statement += sql.SQL(" PASSWORD {}").format(sql.Literal(hashed.decode()))
            connection.execute(statement)


def admit_roles(connection: psycopg.Connection) -> None:
    """Let the roles into this database and its schema; nobody else makes anything in it."""
    database = sql.Identifier(connection.info.dbname)
    for statement in (
        "GRANT CONNECT ON DATABASE {database} TO {log}, {read}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {owner}, {log}, {read}",
        "GRANT CREATE ON SCHEMA public TO {owner}",
    ):
        connection.execute(
            sql.SQL(statement).format(
                database=database,
                owner=sql.Identifier(OWNER),
                log=sql.Identifier(LOG),
                read=sql.Identifier(READ),
            )
        )
