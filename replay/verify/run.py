"""`verify`: one pass over the log, every law, every active read model at its own position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import clickhouse_connect
import psycopg
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from replay.verify import heads as published_heads
from replay.verify import postgres_models, redis_model, rows
from replay.verify.chain import ChainCheck, SignedHead
from replay.verify.clickhouse_model import MovementsCheck
from replay.verify.laws import ConservationCheck, OnceCheck, OrderCheck, OversellCheck
from replay.verify.ledger import LedgerCheck, LedgerFold
from replay.verify.read_models import ReadModelCheck, catalogue
from replay.verify.report import Report

Progress = Callable[[int, int], None]  # events done, events in all
PROGRESS_EVENTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where to read. `postgres_dsn` must see every tenant's rows. Without `heads_topic` only the heads in
    Postgres are known; without `head_key` a signed head counts as a difference.
    """

    postgres_dsn: str
    redis_url: str
    clickhouse_url: str
    kafka_bootstrap: str | None = None
    heads_topic: str | None = None
    head_key: Ed25519PublicKey | None = None


def verify(addresses: Addresses, progress: Progress = lambda done, total: None) -> Report:
    """Reads only. Raises the drivers' errors when a part cannot be reached: no answer is no proof."""
    report = Report()
    with psycopg.connect(addresses.postgres_dsn) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ledgers = rows.ledgers(connection)
        checks = _read_models(connection, addresses, report)
        heads = _heads(connection, addresses)
        total = sum(ledger.position for ledger in ledgers)
        for ledger in ledgers:
            _ledger(
                connection, ledger, checks, heads.get(ledger.ledger, ()), addresses, report,
                lambda done: progress(done, total),
            )  # fmt: skip
        _shards(connection, report)
    fresh = _heads_now(addresses)
    for check in checks:
        check.end()
        if isinstance(check, MovementsCheck):
            check.strays(fresh)
    return report


def _read_models(
    connection: psycopg.Connection, addresses: Addresses, report: Report
) -> list[ReadModelCheck]:
    folds = report.laws["folds"]
    checks: list[ReadModelCheck] = []
    for entry in catalogue(connection):
        if entry.projection in ("stock_levels", "orders"):
            checks.append(postgres_models.read(connection, entry, folds))
        elif entry.projection == "availability":
            with redis.Redis.from_url(addresses.redis_url) as client:
                checks.append(redis_model.read(client, connection, entry, folds))
        elif entry.projection == "movements":
            client = clickhouse_connect.get_client(dsn=addresses.clickhouse_url)
            checks.append(MovementsCheck(client, entry, connection, folds))
        else:
            folds.differ(
                where=f"read model {entry.projection} version {entry.version}",
                expected="an independent fold to compare it with",
                found="none",
            )
    for check in checks:
        for (ledger, stream), position in check.parked.items():
            report.notes.append(
                f"{check.name}: stream {stream} of ledger {ledger} is parked since position {position};"
                " compared as of then"
            )
    return checks


def _heads(connection: psycopg.Connection, addresses: Addresses) -> dict[str, Sequence[SignedHead]]:
    heads = published_heads.in_postgres(connection)
    if addresses.kafka_bootstrap and addresses.heads_topic:
        heads += published_heads.in_kafka(addresses.kafka_bootstrap, addresses.heads_topic)
    heads.sort(key=lambda head: head.ledger)
    return {ledger: list(group) for ledger, group in groupby(heads, lambda head: head.ledger)}


def _ledger(
    connection: psycopg.Connection,
    ledger: rows.LedgerRow,
    checks: Sequence[ReadModelCheck],
    heads: Sequence[SignedHead],
    addresses: Addresses,
    report: Report,
    progress: Callable[[int], None],
) -> None:
    laws = report.laws
    fold = LedgerFold(ledger.ledger)
    check = LedgerCheck(
        fold=fold,
        order=OrderCheck(laws["order"], ledger),
        once=OnceCheck(laws["once"], rows.keys(connection, ledger.ledger)),
        chain=ChainCheck(laws["chain"], ledger, heads, addresses.head_key),
        oversell=OversellCheck(laws["no_oversell"], laws["conservation"]),
        conservation=ConservationCheck(laws["conservation"], ledger.ledger),
        readable=laws["order"],
    )
    following = Following(checks, fold)
    for row in rows.events(connection, ledger.ledger):
        report.events += 1
        following.before(row)
        read = check.event(row)
        following.after(row, read)
        if report.events % PROGRESS_EVENTS == 0:
            progress(report.events)
    following.end(ledger, report)
    check.end()


class Following:
    """The read models on their way along one ledger: each is compared when the fold stands where it stands."""

    def __init__(self, checks: Sequence[ReadModelCheck], fold: LedgerFold) -> None:
        self._fold = fold
        self._ahead = sorted(checks, key=lambda check: check.positions.get(fold.ledger, 0))
        self._compare_reached(0)

    def _compare_reached(self, position: int) -> None:
        while self._ahead and self._ahead[0].positions.get(self._fold.ledger, 0) <= position:
            self._ahead.pop(0).compare(self._fold)

    def before(self, row: rows.EventRow) -> None:
        for check in self._ahead:
            if check.parked and check.parked.get((row.ledger, row.stream)) == row.position:
                check.park(row, self._fold)

    def after(self, row: rows.EventRow, read: object) -> None:
        if read is not None:
            data, moved = read  # type: ignore[misc]
            for check in self._ahead:
                check.event(row, data, moved)
        self._compare_reached(row.position)

    def end(self, ledger: rows.LedgerRow, report: Report) -> None:
        for check in self._ahead:
            report.laws["folds"].differ(
                where=f"position of {check.name} in ledger {ledger.ledger}",
                expected=f"at most the log's {ledger.position}",
                found=check.positions[ledger.ledger],
            )


def _shards(connection: psycopg.Connection, report: Report) -> None:
    """Shard positions are 1 … n without a hole: with n distinct ones, that is count = highest = head."""
    counted = connection.execute(
        "SELECT s.shard, s.position, count(e.shard_position), coalesce(max(e.shard_position), 0)"
        " FROM shards s LEFT JOIN events e USING (shard) GROUP BY s.shard, s.position ORDER BY s.shard"
    )
    for shard, head, count, highest in counted:
        report.laws["order"].expect(
            where=f"shard {shard}: events, highest position",
            expected=(head, head),
            found=(count, highest),
        )


def _heads_now(addresses: Addresses) -> dict[str, int]:
    with psycopg.connect(addresses.postgres_dsn) as connection:
        return {ledger.ledger: ledger.position for ledger in rows.ledgers(connection)}
