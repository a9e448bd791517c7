"""`verify`: one pass over the log, every law, every active read model where it stands itself.

A store may be at work meanwhile. So what lies outside the log's database is read first, and the
log's snapshot, taken after it, has every event that it can have shown; only rows that never change
(movements in ClickHouse) are read beside the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import msgspec
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg.types.json import set_json_loads

from replay.verify import catalogue, heads, rows
from replay.verify.chain import ChainCheck, check_signatures
from replay.verify.conservation import ConservationCheck
from replay.verify.counts import CountCheck
from replay.verify.crossings import CrossingCheck, Crossings
from replay.verify.goods import GoodsCheck
from replay.verify.heads import HeadKey, SignedHead
from replay.verify.ledger import LedgerFold
from replay.verify.ledger_check import LedgerCheck
from replay.verify.once import MetadataReader, OnceCheck
from replay.verify.oversell import OversellCheck
from replay.verify.positions import PositionCheck, check_shards
from replay.verify.postings import PostingCheck
from replay.verify.read_models import Outside, ReadModels
from replay.verify.report import Report
from replay.verify.reservations import ReservationCheck
from replay.verify.rows import LedgerRow

Progress = Callable[[int, int], None]  # events done, events in all
PROGRESS_EVENTS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where to read. `postgres_dsn` must see every tenant's rows. Without `heads_topic` only the
    heads in Postgres are known; without `head_key` a signed head counts as a difference.
    """

    postgres_dsn: str
    redis_url: str
    clickhouse_url: str
    kafka_bootstrap: str | None = None
    heads_topic: str | None = None
    head_key: Ed25519PublicKey | None = None


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def verify(addresses: Addresses, progress: Progress = _silent, *, deep: bool = False) -> Report:
    """Reads only. `deep`: every fed version of each read model, and that each has applied every
    event it handles once, by the events' ids.

    Raises the drivers' errors when a part cannot be reached, HeadsUnreadableError, and LookupError
    for a database that is no store: no answer is no proof.
    """
    report = Report.in_depth() if deep else Report()
    key = None if addresses.head_key is None else HeadKey(addresses.head_key)
    with ExitStack() as stack:
        outside = Outside.read(
            addresses.postgres_dsn,
            addresses.redis_url,
            addresses.clickhouse_url,
            report,
            stack,
            deep=deep,
        )
        published = _published(addresses)
        connection = stack.enter_context(_snapshot(addresses.postgres_dsn))
        ledgers = rows.ledgers(connection)
        signed = _by_ledger([*published, *heads.in_postgres(connection)])
        _signatures(ledgers, signed, key, report)
        store = catalogue.identity(connection)
        models = ReadModels.of(connection, outside, ledgers, store)
        log = _Log(connection, models, key, store.shards, report)
        total = sum(ledger.position for ledger in ledgers)
        for ledger in ledgers:
            log.ledger(ledger, signed.get(ledger.ledger, []), lambda done: progress(done, total))
        log.end()
        rows.strays(connection, ledgers, report.laws["order"])
        check_shards(connection, report.laws["order"])
        models.end(ledgers, addresses.postgres_dsn)
    progress(report.events, total)
    return report


class _Log:
    """The pass over the log's snapshot, ledger by ledger."""

    def __init__(
        self,
        connection: psycopg.Connection,
        models: ReadModels,
        key: HeadKey | None,
        shards: int,
        report: Report,
    ) -> None:
        self._connection = connection
        self._models = models
        self._key = key
        self._shards = shards
        self._report = report
        self._crossings = Crossings(report.laws["conservation"])

    def end(self) -> None:
        """After the last ledger."""
        self._crossings.end()

    def ledger(
        self, ledger: LedgerRow, signed: list[SignedHead], progress: Callable[[int], None]
    ) -> None:
        check = self._check(ledger, signed)
        following = self._models.following(check.fold)
        report = self._report
        for row in rows.events(self._connection, ledger.ledger):
            report.events += 1
            following.before(row)
            following.after(row, check.event(row))
            if report.events % PROGRESS_EVENTS == 0:
                progress(report.events)
        following.end(ledger, report.laws["folds"])
        check.end()
        self._note(ledger.ledger, check)

    def _check(self, ledger: LedgerRow, signed: list[SignedHead]) -> LedgerCheck:
        laws = self._report.laws
        fold = LedgerFold(ledger.ledger)
        return LedgerCheck(
            fold=fold,
            positions=PositionCheck(laws["order"], ledger, self._shards),
            once=OnceCheck(laws["once"], ledger, rows.keys(self._connection, ledger.ledger)),
            oversell=OversellCheck(laws["no_oversell"], fold),
            conservation=ConservationCheck(laws["conservation"], fold),
            counts=CountCheck(laws["conservation"], partial(rows.history, self._connection)),
            reservations=ReservationCheck(laws["conservation"], fold),
            goods=GoodsCheck(laws["no_oversell"], laws["conservation"], fold),
            crossings=CrossingCheck(laws["conservation"], ledger.ledger, self._crossings),
            postings=PostingCheck(laws["conservation"], ledger.ledger),
            chain=ChainCheck(laws["chain"], ledger, signed, self._key),
            readable=laws["folds"],
            metadata=MetadataReader(),
        )

    def _note(self, ledger: str, check: LedgerCheck) -> None:
        if check.once.without_command:
            self._report.notes.append(
                f"ledger {ledger}: {check.once.without_command} events bear no command id, so no"
                " key row speaks of them (written through the eventsourcing library)"
            )
        if check.foreign:
            self._report.notes.append(
                f"ledger {ledger}: {check.foreign} events of types that are not Backstock's are in"
                " the chain, and nothing folds them"
            )


@contextmanager
def _snapshot(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        set_json_loads(msgspec.json.decode, connection)
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection


def _published(addresses: Addresses) -> list[SignedHead]:
    if addresses.kafka_bootstrap is None or addresses.heads_topic is None:
        return []
    return list(heads.in_kafka(addresses.kafka_bootstrap, addresses.heads_topic))


def _by_ledger(signed: Iterable[SignedHead]) -> dict[str, list[SignedHead]]:
    found: dict[str, list[SignedHead]] = {}
    for head in signed:
        found.setdefault(head.ledger, []).append(head)
    return found


def _signatures(
    ledgers: Sequence[LedgerRow],
    signed: dict[str, list[SignedHead]],
    key: HeadKey | None,
    report: Report,
) -> None:
    law = report.laws["chain"]
    for found in signed.values():
        for source in (heads.TABLE, heads.TOPIC):
            newest = [head for head in found if head.source == source]
            newest.sort(key=lambda head: head.position, reverse=True)
            check_signatures(law, newest, key)
    known = {ledger.ledger for ledger in ledgers}
    for name in signed.keys() - known:
        law.differ(
            where=f"ledger {name}, signed in {signed[name][0].source}",
            expected="its events",
            found="no such ledger: it was dropped",
        )
    for ledger in ledgers:
        if ledger.position and ledger.ledger not in signed:
            report.notes.append(
                f"ledger {ledger.ledger}: no head was signed yet, so its chain is checked in itself"
            )
