"""A store of the release before orders had progress and documents were read: what an operator does
after upgrading it, and that everything it held is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from eventlog.postgres.identity import add_ledger, add_tenant
from migrations.runner import POSTGRES_FILES, migrate
from ops.processes.refusals import refusal
from projections.catalogue import ensure, versions
from projections.movements.schema import prepare
from replay.adopting import adopt
from tests.parts import LOG_PASSWORD, READ_PASSWORD, SharedParts, database_at
from tests.projection_side import journal
from tests.stories import catalogue, goods, orders
from tests.whole_store import Places, WholeStore, places_of

pytestmark = pytest.mark.xdist_group("verify")

LEDGER = "acme/main"
LAST_BEFORE = "0021"
READ_BEFORE = ("stock_levels", "orders", "availability", "movements")
SHELF: dict[str, Any] = {"sku": "OLD", "location": "old-hall"}
STOCK, ORDER = "stock-OLD@old-hall", "order-old"
OF_ORDER = {"order_id": "old", "line": 1}
LINE = {"line": 1, **SHELF, "quantity": 3, "unit_price_micros": 0}
Told = tuple[str, str, dict[str, Any]]
TOLD: tuple[tuple[Told, ...], ...] = (
    (("item-OLD", "item.registered.v1", {"sku": "OLD", "name": "Mug", "attributes": {}}),),
    (("location-old-hall", "location.registered.v1", {"location": "old-hall", "name": "Hall"}),),
    ((STOCK, "stock.received.v1", {**SHELF, "quantity": 9}),),
    ((STOCK, "stock.adjusted.v1", {**SHELF, "delta": -2, "reason": "broken"}),),
    (
        (ORDER, "order.placed.v1", {"order_id": "old", "currency": "GBP", "lines": [LINE]}),
        (ORDER, "order.allocated.v1", {"order_id": "old"}),
        (STOCK, "stock.committed.v1", {**SHELF, **OF_ORDER, "quantity": 3, "backorder_limit": 0}),
    ),
    (
        (ORDER, "order.shipped.v1", {"order_id": "old", "lines": [{"line": 1, "quantity": 2}]}),
        (STOCK, "stock.shipped.v1", {**SHELF, **OF_ORDER, "quantity": 2}),
    ),
)
"""Commands as that release stored their events."""


@pytest.fixture
def places(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[Places]:
    with places_of(shared_parts, postgres_server, migrated_template, tmp_path) as found:
        yield found


def upgraded(dsn: str, directory: Path = POSTGRES_FILES) -> None:
    migrate(dsn, log_password=LOG_PASSWORD, read_password=READ_PASSWORD, directory=directory)


def older_store(blank: str, places: Places, directory: Path) -> WholeStore:
    """Its log is as that release wrote it, and its code is not here."""
    files = directory / "before"
    files.mkdir()
    for path in POSTGRES_FILES.glob("*.sql"):
        if path.name[:4] <= LAST_BEFORE:
            shutil.copy(path, files)
    upgraded(blank, files)
    store = WholeStore(database=database_at(blank), places=places)
    with journal(store.database.log) as log, closing(store.clickhouse()) as clickhouse:
        prepare(clickhouse)
        ensure(log.pool, redis_prefix=places.prefix)
        add_tenant(log.pool, "acme", "Acme", subject_secret=b"secret")
        add_ledger(log.pool, "acme", "main")
        for command in TOLD:
            rows = [(stream, kind, json.dumps(data).encode()) for stream, kind, data in command]
            log.append_raws(LEDGER, rows)
    with psycopg.connect(blank) as connection:
        connection.execute("DELETE FROM projection_checkpoints WHERE projection = 'documents'")
        connection.execute("DELETE FROM projections WHERE projection = 'documents'")
        connection.execute("""UPDATE projections SET fingerprints = '{"stock.received.v1": "x"}'""")
    return store


def test_an_upgraded_store_is_fed_again_when_its_read_models_are_adopted(
    blank_database: str, places: Places, tmp_path: Path
) -> None:
    store = older_store(blank_database, places, tmp_path)
    upgraded(blank_database)
    with journal(store.database.log) as log:
        ensure(log.pool, redis_prefix=places.prefix)

        def not_fed() -> list[str]:
            with log.pool.connection() as connection:
                known = [versions(connection, name)[1] for name in (*READ_BEFORE, "documents")]
            return [model.name for model in known if refusal(log.pool, model)]

        assert not_fed() == list(READ_BEFORE)
        assert {each.projection for each in adopt(log.pool, READ_BEFORE)} == set(READ_BEFORE)
        assert not_fed() == []
    store.catch_up()
    progress = store.one("SELECT status, progress FROM orders_v1 WHERE order_id = 'old'")
    assert progress == ("partly_shipped", {}), "what the migration gave to orders of before"
    store.tell(catalogue, goods, orders)
    store.catch_up()
    report = store.verify()
    assert report.ok, report.first_difference
    item = "SELECT body->>'name' FROM documents_v1 WHERE kind = 'item' AND id = 'OLD'"
    assert store.one(item) == ("Mug",)
