"""Who may do what: every verb as every role, tenants kept apart, facts that nobody changes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from random import Random

import psycopg
import pytest
from psycopg import errors, sql

from eventlog.log import LogUnavailableError
from eventlog.postgres.connections import (
    RoleError,
    open_log_pool,
    open_read_pool,
    tenant_transaction,
)
from tests.appends import Batch, Store, event, key_row, log
from tests.parts import Database

TENANTS = ("acme", "bolt", "cord")
FACTS = ("events", "command_keys", "signed_heads")
CHANGES = {
    "UPDATE": "UPDATE {} SET tenant = tenant",
    "DELETE": "DELETE FROM {}",
    "TRUNCATE": "TRUNCATE {}",
}


@pytest.fixture
def store(postgres_database: Database) -> Iterator[Store]:
    """Three tenants, each with events, keys, a snapshot, a subject and an API key."""
    with log(postgres_database.log, *(f"{tenant}/main" for tenant in TENANTS)) as opened:
        for number, tenant in enumerate(TENANTS, start=1):
            fill(opened, tenant, number)
        yield opened


def fill(store: Store, tenant: str, number: int) -> None:
    ledger = f"{tenant}/main"
    with store.pool.connection() as connection:
        row = connection.execute("SELECT shard FROM ledgers WHERE ledger = %s", (ledger,))
        ((shard,),) = row.fetchall()
        connection.execute(
            "INSERT INTO api_keys (key_id, tenant, secret_hash, scopes) VALUES (%s, %s, %s, %s)",
            (f"key-{tenant}", tenant, sha256(tenant.encode()).digest(), ["read"]),
        )
        connection.execute(
            "INSERT INTO subjects (tenant, subject, kind, external_id)"
            " VALUES (%s, 's', 'customer', 'Jane')",
            (tenant,),
        )
        connection.execute(
            "INSERT INTO signed_heads VALUES (%s, 1, %s, '', now(), 'k', '')", (ledger, tenant)
        )
    events = [event(version=version, ledger=ledger) for version in range(1, number + 1)]
    rows = [key_row("k", number, ledger=ledger)]
    store.appender.append(shard, Batch(ledgers=(ledger,), events=events, rows=rows))


def refusal(connection: psycopg.Connection, statement: sql.Composed | str) -> str:
    """Why a statement is refused; empty when it went through."""
    try:
        connection.execute(statement)
    except errors.InsufficientPrivilege as error:
        return str(error)
    return ""


def connect(dsn: str) -> psycopg.Connection:
    return psycopg.connect(dsn, autocommit=True)


@pytest.mark.parametrize("table", FACTS)
def test_a_fact_is_never_changed_by_anybody(
    store: Store, postgres_database: Database, table: str
) -> None:
    for verb, change in CHANGES.items():
        statement = sql.SQL(change).format(sql.Identifier(table))
        for dsn in (postgres_database.log, postgres_database.read):
            with connect(dsn) as connection:
                assert "permission denied" in refusal(connection, statement)
        with connect(postgres_database.admin) as admin:
            for way_round in (
                "SET ROLE backstock_owner",
                "RESET ROLE",
                "SET session_replication_role = replica",
            ):
                admin.execute(way_round)
                assert f"facts stay: {verb}" in refusal(admin, statement)


def test_a_fact_is_not_overwritten_on_conflict(store: Store, postgres_database: Database) -> None:
    upsert = "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT ({1}) DO UPDATE SET tenant = 'x'"
    keys = {
        "events": "ledger, ledger_position",
        "command_keys": "ledger, key",
        "signed_heads": "ledger, position",
    }
    for table, key in keys.items():
        statement = sql.SQL(upsert).format(sql.Identifier(table), sql.SQL(key))
        with (
            connect(postgres_database.log) as connection,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            connection.execute(statement)
        with (
            connect(postgres_database.admin) as admin,
            pytest.raises(errors.InsufficientPrivilege, match="facts stay"),
        ):
            admin.execute(statement)


WAYS_ROUND = (
    "ALTER TABLE events DISABLE TRIGGER facts_stay",
    "ALTER TABLE events DISABLE ROW LEVEL SECURITY",
    "DROP TABLE events",
    "DROP TRIGGER facts_stay ON events",
    "CREATE TABLE mine (a integer)",
    "CREATE FUNCTION mine() RETURNS void LANGUAGE sql AS ''",
    "CREATE TRIGGER mine BEFORE INSERT ON events EXECUTE FUNCTION refuse_change()",
    "SET session_replication_role = replica",
    "SET ROLE backstock_owner",
    "SELECT make_append_only('shards')",
    "SELECT protect_table('shards')",
    "UPDATE store_identity SET epoch = 9",
    "TRUNCATE shards, ledgers, tenants CASCADE",
    "UPDATE ledgers SET tenant = 'bolt'",
    "DELETE FROM ledgers",
    "UPDATE tenants SET subject_secret = ''",
    "UPDATE api_keys SET secret_hash = ''",
)


@pytest.mark.parametrize("role", ["log", "read"])
def test_neither_login_role_gets_round_the_rules(postgres_database: Database, role: str) -> None:
    with connect(getattr(postgres_database, role)) as connection:
        assert [each for each in WAYS_ROUND if not refusal(connection, each)] == []


def test_the_read_role_writes_nothing_anywhere(store: Store, postgres_database: Database) -> None:
    with connect(postgres_database.read) as connection:
        granted = connection.execute(
            "SELECT relname, verb FROM pg_class,"
            " unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER',"
            " 'MAINTAIN']) AS verb"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
            " AND has_table_privilege(oid, verb)"
        ).fetchall()
    assert granted == []


def test_every_table_with_a_tenant_has_forced_row_level_security(
    postgres_database: Database,
) -> None:
    with connect(postgres_database.admin) as admin:
        tables = admin.execute(
            "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polcmd,"
            "   pg_get_expr(p.polqual, c.oid), p.polroles = '{0}'"
            " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
            " LEFT JOIN pg_policy AS p ON p.polrelid = c.oid AND p.polname = 'one_tenant'"
            " WHERE a.attname = 'tenant' AND NOT a.attisdropped"
            "   AND c.relkind IN ('r', 'p', 'm') AND c.relnamespace = 'public'::regnamespace"
        ).fetchall()
        others = admin.execute(
            "SELECT polrelid::regclass::text, polname FROM pg_policy WHERE polname <> 'one_tenant'"
        ).fetchall()
    assert {"events", "command_keys", "tenants", "ledgers"} <= {name for name, *_ in tables}
    rule = "(tenant = NULLIF(current_setting('backstock.tenant'::text, true), ''::text))"
    assert [row for row in tables if row[1:] != (True, True, "*", rule, True)] == []
    # Each for one function that says who asks, and for nobody else.
    assert sorted(others) == [
        ("api_keys", "authentication"),
        ("documents_v1", "finding"),
        ("webhook_endpoints", "finding"),
    ]


def test_a_table_without_a_tenant_tells_the_read_role_of_no_tenant(
    postgres_database: Database,
) -> None:
    with connect(postgres_database.read) as connection:
        readable = connection.execute(
            "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p', 'm', 'v') AND has_table_privilege(c.oid, 'SELECT')"
            " AND NOT EXISTS (SELECT FROM pg_attribute"
            "   WHERE attrelid = c.oid AND attname = 'tenant') ORDER BY 1"
        ).fetchall()
    # The catalogue, when batches were applied (lag), and which store this is, of which shape.
    assert {name for (name,) in readable} <= {
        "applied_migrations",
        "projection_applies",
        "projections",
        "read_generation",
        "store_identity",
    }


SECRETS = (
    "SELECT subject_secret FROM tenants",
    "SELECT * FROM tenants",
    "SELECT secret_hash FROM api_keys",
    "SELECT * FROM api_keys",
    "SELECT * FROM subjects",
    "SELECT * FROM shards",
    "SELECT shard FROM ledgers",
    "SELECT * FROM snapshots",
    "SELECT * FROM relay_cursors",
    "SELECT rolpassword FROM pg_authid",
)


def test_the_read_role_sees_no_secret(store: Store, postgres_database: Database) -> None:
    with connect(postgres_database.read) as connection:
        assert [each for each in SECRETS if not refusal(connection, each)] == []


def test_a_key_is_authenticated_without_showing_its_hash(
    store: Store, postgres_database: Database
) -> None:
    right = sha256(b"acme").digest()
    ask = "SELECT tenant, scopes FROM authenticate_key(%s, %s)"
    with connect(postgres_database.read) as reader, connect(postgres_database.log) as writer:
        assert reader.execute(ask, ("key-acme", right)).fetchall() == [("acme", ["read"])]
        assert reader.execute(ask, ("key-bolt", right)).fetchall() == []
        assert reader.execute(ask, ("key-none", right)).fetchall() == []
        assert reader.execute(ask, ("key-acme", b"")).fetchall() == []
        writer.execute("UPDATE api_keys SET revoked_at = now() WHERE key_id = 'key-acme'")
        assert reader.execute(ask, ("key-acme", right)).fetchall() == []


def test_without_a_tenant_the_read_role_sees_no_row(
    store: Store, postgres_database: Database
) -> None:
    with connect(postgres_database.read) as connection:
        for tenant in (None, "", "nobody"):
            if tenant is not None:
                connection.execute("SELECT set_config('backstock.tenant', %s, false)", (tenant,))
            for table in ("events", "command_keys", "ledgers", "signed_heads"):
                counted = connection.execute(
                    sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                )
                assert counted.fetchone() == (0,)
            assert connection.execute("SELECT count(tenant) FROM tenants").fetchone() == (0,)


def test_interleaved_borrows_never_see_a_foreign_row(
    store: Store, postgres_database: Database
) -> None:
    """Few connections, many borrowers, some of whom fail or are cancelled half-way."""

    def borrow(seed: int) -> list[str]:
        random = Random(seed)
        tenant = random.choice(TENANTS)
        try:
            with tenant_transaction(pool, tenant) as connection:
                if (ending := random.random()) < 0.1:
                    connection.execute("SELECT 1/0")
                if ending < 0.2:
                    connection.cancel_safe()
                    connection.execute("SELECT 1")
                seen = connection.execute("SELECT tenant FROM events").fetchall()
                if ending < 0.3:
                    raise InterruptedError  # noqa: TRY301 - a borrower's own fault
        except (errors.DivisionByZero, InterruptedError, LogUnavailableError):
            # What the connection is left with is no tenant at all.
            with pool.connection() as connection:
                return [name for (name,) in connection.execute("SELECT tenant FROM events")]
        expected = [(tenant,)] * (TENANTS.index(tenant) + 1)
        return [name for (name,) in seen if seen != expected]

    with (
        open_read_pool(postgres_database.read, size=3, name="read") as pool,
        ThreadPoolExecutor(6) as threads,
    ):
        foreign = [name for names in threads.map(borrow, range(2_000)) for name in names]
    assert foreign == []


def test_a_tenants_transaction_is_read_only(store: Store, postgres_database: Database) -> None:
    with (
        open_read_pool(postgres_database.read, size=1, name="read") as pool,
        pytest.raises((errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)),
        tenant_transaction(pool, "acme") as connection,
    ):
        connection.execute("INSERT INTO events SELECT * FROM events")


@pytest.mark.parametrize("role", ["admin", "log"])
def test_the_read_pool_refuses_a_role_that_nothing_binds(
    postgres_database: Database, role: str
) -> None:
    with pytest.raises(RoleError):
        open_read_pool(getattr(postgres_database, role), size=1, name="read")


def test_the_log_pool_refuses_a_superuser(postgres_database: Database) -> None:
    with pytest.raises(RoleError) as caught:
        open_log_pool(postgres_database.admin, size=1, name="log")
    assert caught.value.role == "postgres"


def test_the_log_role_sees_every_tenant(store: Store, postgres_database: Database) -> None:
    with connect(postgres_database.log) as connection:
        counted = connection.execute("SELECT tenant, count(*) FROM events GROUP BY 1 ORDER BY 1")
        assert counted.fetchall() == [("acme", 1), ("bolt", 2), ("cord", 3)]
