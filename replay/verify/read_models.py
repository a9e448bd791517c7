"""Every active read model, found through the catalogue, and when each of them is read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg
from clickhouse_connect.driver.client import Client

from replay.verify import catalogue, clickhouse_model, redis_pages
from replay.verify.applied_ids import AppliedIds
from replay.verify.catalogue import Entry, Identity, Marks, ShardMark, Streams
from replay.verify.clickhouse_model import Movements, corrections_of
from replay.verify.dimensions import Dimension, dimensions
from replay.verify.ledger import LedgerFold
from replay.verify.parked_check import check_parked
from replay.verify.postgres_models import PostgresModel
from replay.verify.read_model import Follower, Following, ReadModel
from replay.verify.redis_pages import Availability
from replay.verify.report import APPLIED, LawResult, Report, VersionResult
from replay.verify.rows import LedgerRow


@dataclass(slots=True, kw_only=True)
class Outside:
    """What was read before the log's snapshot, which thereby has every event it can have shown."""

    report: Report
    entries: Sequence[Entry]
    deep: bool
    versions: dict[tuple[str, int], VersionResult]
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
        *,
        deep: bool = False,
    ) -> Outside:
        """`stack` closes the clients. `deep`: every fed version. Raises the drivers' errors."""
        states = catalogue.EVERY_FED if deep else catalogue.ACTIVE_ONLY
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            store = catalogue.identity(connection)
            entries = catalogue.fed(connection, states)
            marks = {entry.key: catalogue.checkpoints(connection, entry) for entry in entries}
            reached = {e.key: catalogue.ledger_positions(connection, e) for e in entries}
            # Last: what is not parked now and below those positions is shown.
            parked = {entry.key: catalogue.parked(connection, entry) for entry in entries}
        outside = cls(report=report, entries=entries, deep=deep, versions=_results(entries))
        for entry in entries:
            law = outside.law(entry)
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

    def law(self, entry: Entry) -> LawResult:
        """What is found of this version."""
        return self.versions[entry.key].law

    def marks_law(self, entry: Entry) -> LawResult:
        """What is found of its positions, which must be right whatever code folds it."""
        return self.report.laws[APPLIED] if self.deep else self.law(entry)


def _results(entries: Sequence[Entry]) -> dict[tuple[str, int], VersionResult]:
    older = catalogue.by_older_code(entries)
    return {
        entry.key: VersionResult(
            projection=entry.projection,
            version=entry.version,
            state=entry.state,
            edition=entry.edition,
            may_differ=entry.key in older,
            law=LawResult(law="folds"),
        )
        for entry in entries
    }


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
        models = cls(report=outside.report, outside=outside)
        nowhere = {shard: ShardMark(store.epoch, 0) for shard in range(store.shards)}
        clients = {entry.key: client for entry, client in outside.movements}
        marks = Marks(connection, ledgers, store.epoch)
        for entry in outside.entries:
            law = outside.law(entry)
            parked = catalogue.parked(connection, entry)
            models._note(entry, parked)
            if outside.deep:
                check_parked(connection, entry, parked, models.report.laws[APPLIED])
            positions = catalogue.ledger_positions(connection, entry)
            if entry.store != "redis":
                shards = nowhere | catalogue.checkpoints(connection, entry)
                marks.check(entry.name, shards, positions, outside.marks_law(entry))
            if entry.store == "postgres":
                models.postgres.append(
                    PostgresModel.read(connection, entry, positions, parked, law)
                )
            elif entry.store == "clickhouse":
                corrections = corrections_of(connection, entry)
                rows = Movements(
                    clients[entry.key], entry, positions, parked, law, corrections=corrections
                )
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
        if self.outside.deep:
            self._applied(postgres_dsn)
        self._sum_up()

    def _applied(self, postgres_dsn: str) -> None:
        """The ids of every fed version whose rows are events."""
        law = self.report.laws[APPLIED]
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            for entry, client in self.outside.movements:
                AppliedIds(connection, client, entry, law).check()

    def _sum_up(self) -> None:
        """What was found of each version, as one law."""
        for result in self.outside.versions.values():
            difference = result.law.difference
            if not result.may_differ:
                self.report.laws["folds"].add(result.law)
            elif difference is not None:
                self.report.notes.append(
                    f"{result.name} is kept to go back to, and differs by its own code"
                    f" ({result.edition}): {difference.sentence()}"
                )
        if self.outside.deep:
            self.report.versions += self.outside.versions.values()

    def _availability(self, connection: psycopg.Connection, marks: Marks) -> None:
        for entry, availability in self.outside.availability:
            for stream in availability.settle(catalogue.parked(connection, entry)):
                self.report.notes.append(
                    f"{entry.name}: stream {stream} was retried while Redis was read: not compared"
                    " there, verify again"
                )
            for page in availability.places():
                marks.check(
                    availability.name,
                    {page.shard: page.mark},
                    page.positions,
                    self.outside.marks_law(entry),
                )

    def _note(self, entry: Entry, parked: Streams) -> None:
        for (ledger, stream), park in parked.items():
            self.report.notes.append(
                f"{entry.name}: stream {stream} of ledger {ledger} is parked since position"
                f" {park.position}: compared as of then"
            )
