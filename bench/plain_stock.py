"""The peer: an aggregate and an application as `eventsourcing`'s tutorial writes them."""

import os
import time
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

COMMANDS = 400


class PlainStock(Aggregate):
    @event("Registered")
    def __init__(self) -> None:
        self.on_hand = 0

    @event("Received")
    def receive(self, quantity: int) -> None:
        self.on_hand += quantity


def plain_rate(admin_dsn: str, number: int) -> float:
    """Events per second of the library as it comes: load, trigger, save; one at a time."""
    name = f"plain_{number}"
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    url = urlsplit(admin_dsn)
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": name,
        "POSTGRES_HOST": str(url.hostname),
        "POSTGRES_PORT": str(url.port),
        "POSTGRES_USER": str(url.username),
        "POSTGRES_PASSWORD": str(url.password),
    }
    application = Application[UUID](env={**os.environ, **environment})
    stocks = [PlainStock() for _ in range(COMMANDS)]
    application.save(*stocks)
    started = time.perf_counter()
    for stock in stocks:
        loaded: PlainStock = application.repository.get(stock.id)
        loaded.receive(quantity=5)
        application.save(loaded)
    rate = COMMANDS / (time.perf_counter() - started)
    application.close()
    return rate
