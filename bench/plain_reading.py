"""The peer of a replay: `eventsourcing` reading its own log and decoding it, and nothing else."""

import os
import time
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

PAGE = 5_000
FILL = """
INSERT INTO stock_events (originator_id, originator_version, topic, state)
SELECT originator_id, n, topic, state
  FROM stock_events, generate_series(3::bigint, %s) AS n WHERE originator_version = 2
"""


class Stock(Aggregate):
    @event("Registered")
    def __init__(self) -> None:
        self.on_hand = 0

    @event("Shipped")
    def ship(self, sku: str, order_id: str, line: int, quantity: int) -> None:  # noqa: ARG002
        self.on_hand -= quantity


class Stocks(Application[UUID]):
    name = "stock"


def plain_application(admin_dsn: str, events: int) -> Stocks:
    """An application of its own database, with so many events in it. `close()` it."""
    database = f"plain_{uuid4().hex[:8]}"
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {database}")
    url = urlsplit(admin_dsn)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": database,
        "POSTGRES_HOST": str(url.hostname),
        "POSTGRES_PORT": str(url.port),
        "POSTGRES_USER": str(url.username),
        "POSTGRES_PASSWORD": str(url.password),
    }
    application = Stocks(env={**os.environ, **environment})
    stock = Stock()
    stock.ship(sku="85123A", order_id="536365", line=1, quantity=6)
    application.save(stock)
    with psycopg.connect(url._replace(path=f"/{database}").geturl(), autocommit=True) as admin:
        admin.execute(FILL, (events,))
        admin.execute("VACUUM ANALYZE stock_events")
    return application


def plain_reading_rate(application: Stocks) -> float:
    """Events per second, over all of them."""
    started = time.perf_counter()
    count = position = 0
    while page := application.recorder.select_notifications(
        position, PAGE, inclusive_of_start=False
    ):
        for notification in page:
            application.mapper.to_domain_event(notification)
        count += len(page)
        position = page[-1].id
    return count / (time.perf_counter() - started)
