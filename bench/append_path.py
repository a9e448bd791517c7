"""Batches of 500 beside a plain `eventsourcing` application on the same PostgreSQL.

`append_path_500` is the log's append alone: lock, look-up of keys, the domain's decision, chain,
events and keys, commit. `commands_500` is all that happens behind HTTP, from parsed commands to
their answers, through group commit. Receipts over 4,000 stocks of one shard; the peer saves one
command at a time, as its tutorial does. All durable, one process and one caller each, in turns.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from uuid_utils.compat import uuid7

from bench.figures import Figure, figure
from bench.plain_stock import plain_rate
from bench.store import SHARDS, Commands, add, log_pool, now, receipt, store
from domain import stock_facts
from domain.item import Item
from domain.location import Location
from domain.refusals import Refusal
from domain.shelf import Shelf
from domain.stock import Stock
from domain.values import Occasion
from eventlog.codec import encode
from eventlog.log import (
    GENESIS_HASH,
    Decided,
    KeyRow,
    LedgerHead,
    NewEvent,
    RecordedEvent,
    StoredAnswer,
)
from eventlog.postgres.append import PostgresAppender
from eventlog.shards import shard_of
from ops.processes.lifecycle import calm_collector

ROUNDS = 5
BATCH = 500
BATCHES = 60
ITEMS = 4_000
UNITS = 5
METADATA = b'{"actor":"system_bench","command_id":"receipt-1"}'
ANSWER = b'{"outcome":"accepted","ledger":"main","first_position":1,"last_position":1,"version":1}'


def measure() -> list[Figure]:
    """All three on one server."""
    peers: list[float] = []
    appends: list[float] = []
    commands: list[float] = []
    append_ms: list[float] = []
    commands_ms: list[float] = []
    with store() as (admin_dsn, dsn), log_pool(dsn) as pool:
        add(pool, "commands")
        behind_http = Commands(pool, "commands")
        behind_http.register([f"S{number}" for number in range(ITEMS)])
        appender, receipts = PostgresAppender(pool, clock=now), Receipts(add(pool, "alone"))
        calm_collector()  # As every role of ours does.
        for number in range(ROUNDS):
            peers.append(plain_rate(admin_dsn, number))
            appends.append(_appends(appender, receipts, number, append_ms))
            commands.append(_commands(behind_http, number, commands_ms))
        behind_http.close()
    peer = figure("eventsourcing_one_command", "events/s", peers)
    return [
        peer,
        _beside(peer, figure("append_path_500", "events/s", appends, latencies_ms=append_ms)),
        _beside(peer, figure("commands_500", "events/s", commands, latencies_ms=commands_ms)),
    ]


def _beside(peer: Figure, mine: Figure) -> Figure:
    return replace(mine, peer=peer.name, ratio=round(mine.median / peer.median, 2))


@dataclass(slots=True, kw_only=True)
class Receipt:
    key: str
    sku: str


@dataclass(slots=True)
class Receipts:
    """A `Decision` that receives units, with its stocks in memory."""

    ledger: str
    asked: Sequence[Receipt] = ()
    known_position: int | None = None
    stocks: dict[str, Stock] = field(default_factory=dict)

    @property
    def ledgers(self) -> Sequence[str]:
        return (self.ledger,)

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        return [(self.ledger, asked.key) for asked in self.asked]

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:
        raise AssertionError(f"nobody else writes here, but there are {len(events)} events")

    def decide(
        self,
        heads: Mapping[str, LedgerHead],  # noqa: ARG002 - as Decision says
        answers: Mapping[tuple[str, str], StoredAnswer],
        recorded_at: datetime,
    ) -> Decided:
        occasion = Occasion(occurred_at=recorded_at, now=recorded_at, new_id=uuid7)
        events: list[NewEvent] = []
        rows: list[KeyRow] = []
        for asked in self.asked:
            assert (self.ledger, asked.key) not in answers
            decided = self._receive(asked.sku, occasion)
            events += decided
            rows.append(
                KeyRow(
                    ledger=self.ledger,
                    key=asked.key,
                    body_hash=GENESIS_HASH,
                    accepted=True,
                    answer=ANSWER,
                    event_count=len(decided),
                )
            )
        return Decided(events=events, keys=rows)

    def _receive(self, sku: str, occasion: Occasion) -> list[NewEvent]:
        before = self.stocks.get(sku) or Stock(sku=sku, location="main")
        item = Item(sku=sku, name="x", attributes={})
        shelf = Shelf(stock=before, item=item, location=Location(location="main", name="main"))
        facts = stock_facts.receive(shelf, UNITS, occasion)
        assert not isinstance(facts, Refusal)
        events = []
        for version, fact in enumerate(facts, start=before.version + 1):
            type_name, data = encode(fact.event)
            events.append(
                NewEvent(
                    ledger=self.ledger,
                    stream=fact.stream,
                    stream_version=version,
                    event_id=fact.event_id,
                    type=type_name,
                    data=data,
                    metadata=METADATA,
                    occurred_at=fact.occurred_at,
                )
            )
        after = facts[-1].after
        assert isinstance(after, Stock)
        self.stocks[sku] = after
        return events


def _appends(
    appender: PostgresAppender, receipts: Receipts, number: int, latencies_ms: list[float]
) -> float:
    shard = shard_of(receipts.ledger, SHARDS)
    took = 0.0
    for batch in range(BATCHES):
        receipts.asked = [
            Receipt(key=f"{number}-{batch}-{line}", sku=_sku(batch, line)) for line in range(BATCH)
        ]
        started = time.perf_counter()
        appender.append(shard, receipts)
        latencies_ms.append((time.perf_counter() - started) * 1000)
        took += latencies_ms[-1] / 1000
    return BATCHES * BATCH / took


def _commands(commands: Commands, number: int, latencies_ms: list[float]) -> float:
    took = 0.0
    for batch in range(BATCHES):
        asked = commands.parsed(
            [receipt(f"{number}-{batch}-{line}", _sku(batch, line)) for line in range(BATCH)]
        )
        started = time.perf_counter()
        commands.submit(asked)
        latencies_ms.append((time.perf_counter() - started) * 1000)
        took += latencies_ms[-1] / 1000
    return BATCHES * BATCH / took


def _sku(batch: int, line: int) -> str:
    return f"S{(batch * BATCH + line * 7) % ITEMS}"
