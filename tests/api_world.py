"""An API process of a test's own, or a tenant of its own in a shared one, over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import clickhouse_connect
import httpx2
import redis
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.assembly import Addresses, assemble
from api.authentication import SCOPES
from api.client import Client
from api.deps import ApiSettings, Deps
from eventlog.log import RecordedEvent
from eventlog.postgres.connections import Pool
from eventlog.projection import Projection
from ops.access import add_key, add_tenant
from projections.availability.projection import Availability
from projections.catalogue import ensure
from projections.documents.projection import Documents
from projections.movements.projection import Movements
from projections.movements.schema import prepare
from projections.orders.projection import Orders
from projections.stock_levels.projection import StockLevels
from tests.parts import Database
from tests.projection_side import Journal, drain, journal

SECRET = b"a deployment's signing secret..."
START_SECONDS_MAX = 20.0
SHELF: dict[str, Any] = {"sku": "85123A", "location": "hall"}
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where an API process finds its stores; a worker's tests share them."""

    database: Database
    redis_url: str
    redis_prefix: str
    clickhouse_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One API process (in a thread of this one), and the projections of its store."""

    url: str
    deps: Deps
    database: Database
    log: Journal
    projections: Sequence[Projection]

    @property
    def pool(self) -> Pool:
        return self.log.pool

    def project(self, ledger: str, *read_models: str) -> None:
        """Let the read models (all, unless named) follow the log of the ledger's shard."""
        for projection in self.projections:
            if not read_models or projection.name in read_models:
                drain(self.log, projection, self.log.shard(ledger))

    @contextmanager
    def business(self, *ledgers: str) -> Iterator[Business]:
        """A tenant that no other test knows."""
        tenant = f"acme-{next(_numbers)}"
        add_tenant(self.database.log, tenant, name=tenant, ledgers=ledgers or ("main",))
        new = add_key(self.database.log, tenant, name="test", scopes=tuple(SCOPES))
        with ExitStack() as opened:
            yield Business(
                process=self, tenant=tenant, api_key=new.api_key, key_id=new.key_id, opened=opened
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """A tenant with one API key, and the clients it has opened."""

    process: Process
    tenant: str
    api_key: str
    key_id: str
    opened: ExitStack

    def http(self, *, key: str | None = None, shown: bool = True) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key or self.api_key}"} if shown else {}
        client = httpx2.Client(
            base_url=self.process.url, headers=headers, trust_env=False, timeout=30
        )
        return self.opened.enter_context(client)

    def client(self, **options: Any) -> Client:
        return self.opened.enter_context(Client(self.process.url, self.api_key, **options))

    def another_key(self, *scopes: str) -> str:
        log = self.process.database.log
        return add_key(log, self.tenant, name="test", scopes=scopes).api_key

    def events(self, ledger: str = "main") -> list[RecordedEvent]:
        return list(self.process.log.reader.read_ledger(f"{self.tenant}/{ledger}", 0, 1_000_000))

    def stock_up(self, quantity: int, *, sku: str = SHELF["sku"]) -> str | None:
        """Register the item and the location, receive so many units; the token of it."""
        bulk = self.client().submit_bulk(
            [
                {"type": "register_item", "key": f"item-{sku}", "sku": sku, "name": sku},
                register_location(SHELF["location"]),
                receive(quantity, key=f"stock-{sku}", sku=sku),
            ]
        )
        assert all(each.accepted for each in bulk.results), bulk
        return bulk.token

    def project(self, *read_models: str) -> None:
        self.process.project(f"{self.tenant}/main", *read_models)

    def submit(self, *commands: Mapping[str, object]) -> str | None:
        """Send commands that must all be accepted; the token of them."""
        bulk = self.client().submit_bulk(commands)
        assert all(each.accepted for each in bulk.results), bulk
        return bulk.token


def register_location(location: str) -> dict[str, object]:
    key = f"place-{location}"
    return {"type": "register_location", "key": key, "location": location, "name": location}


def receive(quantity: object = 1, *, key: str = "r-1", **changed: object) -> dict[str, object]:
    return {"type": "receive_stock", "key": key, **SHELF, "quantity": quantity, **changed}


@contextmanager
def api_process(places: Places, *, projections: bool = True) -> Iterator[Process]:
    """One API process on a free port, until the end of the block."""
    database = places.database
    with ExitStack() as opened:
        log = opened.enter_context(journal(database.log))
        ensure(log.pool, redis_prefix=places.redis_prefix)
        deps = assemble(
            Addresses(
                log_dsn=database.log,
                read_dsn=database.read,
                redis_url=places.redis_url,
                clickhouse_url=places.clickhouse_url,
            ),
            ApiSettings(signing_secret=SECRET, personal_secret=SECRET),
            clock=lambda: datetime.now(UTC),
        )
        url = opened.enter_context(served(deps))
        made = _projections(places, log, opened) if projections else ()
        yield Process(url=url, deps=deps, database=database, log=log, projections=made)


def _projections(places: Places, log: Journal, opened: ExitStack) -> Sequence[Projection]:
    redis_client = opened.enter_context(redis.Redis.from_url(places.redis_url))
    clickhouse = clickhouse_connect.get_client(dsn=places.clickhouse_url)
    opened.callback(clickhouse.close)
    prepare(clickhouse)
    identity = log.identity
    return (
        StockLevels(log.pool, epoch=identity.epoch),
        Orders(log.pool, epoch=identity.epoch),
        Documents(log.pool, epoch=identity.epoch),
        Availability(
            redis_client,
            log.pool,
            redis_prefix=places.redis_prefix,
            store_id=identity.store_id,
            epoch=identity.epoch,
        ),
        Movements(clickhouse, log.pool, log.reader, epoch=identity.epoch),
    )


@contextmanager
def served(deps: Deps) -> Iterator[str]:
    """The URL under which `deps` are served until the end of the block."""
    with served_app(create_app(deps)) as url:
        yield url


@contextmanager
def served_app(app: FastAPI) -> Iterator[str]:
    """The URL under which an application is served until the end of the block."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="api")
    thread.start()
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not server.started:
            assert thread.is_alive(), "the server ended while starting"
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.005)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS_MAX)
