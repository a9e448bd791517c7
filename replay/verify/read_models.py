"""Every active read model, found through the catalogue, and when each of them is read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg
from clickhouse_connect.driver.client import Client

from replay.verify import catalogue, clickhouse_model, redis_pages
from replay.verify.catalogue import Entry, Identity, Marks, ShardMark, Streams
from replay.verify.clickhouse_model import Movements
from replay.verify.dimensions import Dimension, dimensions
from replay.verify.ledger import LedgerFold
from replay.verify.postgres_models import PostgresModel
from replay.verify.read_model import Follower, Following, ReadModel
from replay.verify.redis_pages import Availability
from replay.verify.report import Report
from replay.verify.rows import LedgerRow


@dataclass(slots=True, kw_only=True)
class Outside:
    """What was read before the log's snapshot, which thereby has every event it can have shown."""

    report: Report
    entries: Sequence[Entry]
    availability: list[tuple[Entry, Availability]] = field(default_factory=list)
    movements: list[tuple[Entry, Client]] = field(default_factory=list)
    dimensions: list[Dimension] = field(default_factory=list)

    @classmethod
    def read(
        cls,
        postgres_dsn: str,
        redis_url: str,
        clickhouse_url: str,
        report: Report,
        stack: ExitStack,
    ) -> Outside:
        """`stack` closes the clients. Raises the drivers' errors."""
        law = report.laws["folds"]
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            store = catalogue.identity(connection)
            entries = catalogue.active(connection)
            marks = {entry.key: catalogue.checkpoints(connection, entry) for entry in entries}
            reached = {e.key: catalogue.ledger_positions(connection, e) for e in entries}
            # Last: what is not parked now and below those positions is shown.
            parked = {entry.key: catalogue.parked(connection, entry) for entry in entries}
        outside = cls(report=report, entries=entries)
        for entry in entries:
            if entry.store == "redis":
                redis_client = stack.enter_context(redis_pages.connect(redis_url))
                model = Availability(
                    redis_client,
                    entry,
                    store,
                    mirror=marks[entry.key],
                    law=law,
                )
                model.read()
                outside.availability.append((entry, model))
            elif entry.store == "clickhouse":
                client = clickhouse_model.connect(clickhouse_url)
                stack.callback(client.close)
                outside.movements.append((entry, client))
                for each in dimensions(entry, reached[entry.key], parked[entry.key], law):
                    each.read(client)
                    outside.dimensions.append(each)
        return outside


@dataclass(slots=True, kw_only=True)
class ReadModels:
    """All of them along the pass over the log."""

    report: Report
    outside: Outside
    postgres: list[PostgresModel] = field(default_factory=list)
    movements: list[tuple[Entry, Movements]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        connection: psycopg.Connection,
        outside: Outside,
        ledgers: Sequence[LedgerRow],
        store: Identity,
    ) -> ReadModels:
        """`connection` is the log's snapshot."""
        law = outside.report.laws["folds"]
        models = cls(report=outside.report, outside=outside)
        marks = Marks(connection, ledgers, store.epoch, law)
        nowhere = {shard: ShardMark(store.epoch, 0) for shard in range(store.shards)}
        clients = {entry.key: client for entry, client in outside.movements}
        for entry in outside.entries:
            parked = catalogue.parked(connection, entry)
            models._note(entry, parked)
            positions = catalogue.ledger_positions(connection, entry)
            if entry.store != "redis":
                shards = nowhere | catalogue.checkpoints(connection, entry)
                marks.check(entry.name, shards, positions)
            if entry.store == "postgres":
                models.postgres.append(
                    PostgresModel.read(connection, entry, positions, parked, law)
                )
            elif entry.store == "clickhouse":
                rows = Movements(clients[entry.key], entry, positions, parked, law)
                models.movements.append((entry, rows))
        models._availability(connection, marks)
        return models

    def following(self, fold: LedgerFold) -> Following:
        """Their walk along one ledger."""
        models: list[ReadModel] = [*self.postgres]
        for _, availability in self.outside.availability:
            models += [*availability.presences, *availability.pages]
        followers: list[Follower] = [*self.outside.dimensions]
        followers += [rows for _, rows in self.movements]
        return Following(models, followers, fold)

    def end(self, ledgers: Sequence[LedgerRow], postgres_dsn: str) -> None:
        """Every ledger was folded: whatever is left belongs to none."""
        names = [ledger.ledger for ledger in ledgers]
        for model in self.postgres:
            model.end(names)
        for _, availability in self.outside.availability:
            for page in availability.pages:
                page.end()
        for dimension in self.outside.dimensions:
            dimension.strays()
        for entry, rows in self.movements:
            rows.strays(ledgers)
            furthest = rows.furthest()
            with psycopg.connect(postgres_dsn, autocommit=True) as connection:
                rows.beyond(furthest, catalogue.checkpoints(connection, entry))

    def _availability(self, connection: psycopg.Connection, marks: Marks) -> None:
        for entry, availability in self.outside.availability:
            for stream in availability.settle(catalogue.parked(connection, entry)):
                self.report.notes.append(
                    f"{entry.name}: stream {stream} was retried while Redis was read: not compared"
                    " there, verify again"
                )
            for page in availability.places():
                marks.check(availability.name, {page.shard: page.mark}, page.positions)

    def _note(self, entry: Entry, parked: Streams) -> None:
        for (ledger, stream), park in parked.items():
            self.report.notes.append(
                f"{entry.name}: stream {stream} of ledger {ledger} is parked since position"
                f" {park.position}: compared as of then"
            )
