"""Documents are found by what they refer to through an index, by who may see them alone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from eventlog.postgres.connections import open_read_pool, tenant_transaction
from projections.queries.documents import documents
from tests.parts import Database

FILL = """
INSERT INTO {}
SELECT tenant, tenant || '/main', 'lot', 'A/' || i,
       CASE WHEN i % 2 = 0 THEN 'open' ELSE 'gone' END,
       ARRAY['sku:' || i % 1000, 'location:hall'], '{{}}', now(), i, i, now()
  FROM generate_series(1, 5000) AS i, unnest(ARRAY['acme', 'bolt']) AS tenant
"""
SCANS = "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname LIKE 'documents_v%keys%'"


@pytest.fixture(params=[1, 2])
def table(request: pytest.FixtureRequest, postgres_database: Database) -> str:
    """A version's table with 5,000 documents of each of two tenants."""
    name = f"documents_v{request.param}"
    with psycopg.connect(postgres_database.log) as log:
        if request.param > 1:
            log.execute("SELECT create_version_tables('documents', %s)", (request.param,))
        log.execute(FILL.format(name).encode())
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute(f"ANALYZE {name}".encode())
    return name


def test_the_read_role_finds_documents_by_reference_through_an_index(
    postgres_database: Database, table: str
) -> None:
    pool = open_read_pool(postgres_database.read, size=1, name="read")
    try:
        with tenant_transaction(pool, "acme") as connection:

            def opened(ref: str, **asked: Any) -> list[int]:
                place = {"documents": table}
                found = documents(connection, place, "acme/main", "lot", ref=ref, limit=3, **asked)
                return [each.opened_position for each in found]

            assert opened("sku:16") == [4016, 3016, 2016]
            assert opened("sku:16", after=2016) == [1016, 16]
            assert opened("sku:16", status="gone") == []
            assert opened("sku:1", status="gone") == [4001, 3001, 2001]
            assert opened("location:hall") == [5000, 4999, 4998]
            connection.execute("SELECT pg_stat_force_next_flush()")
    finally:
        pool.close()
    with psycopg.connect(postgres_database.admin) as admin:
        ((scans,),) = admin.execute(SCANS).fetchall()
    assert scans >= 4


def test_nobody_learns_by_reference_where_another_tenant_s_documents_stand(
    postgres_database: Database, table: str
) -> None:
    asked = (table, "bolt/main", "lot", "sku:16", None, None, 9)
    function = "SELECT documents_by_ref(%s, %s, %s, %s, %s, %s, %s)"
    with psycopg.connect(postgres_database.read) as connection:
        assert connection.execute(function, asked).fetchall() == []
        connection.execute("SELECT set_config('backstock.tenant', 'acme', false)")
        assert connection.execute(function, asked).fetchall() == []
        connection.execute("SELECT set_config('backstock.tenant', 'bolt', false)")
        assert len(connection.execute(function, asked).fetchall()) == 5
        with pytest.raises(psycopg.errors.RaiseException, match="holds no documents"):
            connection.execute(function, ("api_keys", *asked[1:]))
