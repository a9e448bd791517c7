"""Facts as the rows that `verify` reads, command by command, and what its laws say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from domain.events import Event, StockTraced
from domain.values import Facts
from eventlog.codec import encode
from replay.verify.chain import ChainCheck
from replay.verify.conservation import ConservationCheck
from replay.verify.counts import CountCheck
from replay.verify.crossings import CrossingCheck, Crossings
from replay.verify.goods import GoodsCheck
from replay.verify.ledger import LedgerFold
from replay.verify.ledger_check import LedgerCheck
from replay.verify.once import MetadataReader, OnceCheck
from replay.verify.oversell import OversellCheck
from replay.verify.positions import PositionCheck, shard_of
from replay.verify.postings import PostingCheck
from replay.verify.report import LAWS, LawResult
from replay.verify.reservations import ReservationCheck
from replay.verify.rows import EventRow, LedgerRow
from tests.builders import minute
from tests.happenings import stream_of

LEDGER = "acme/main"
BEFORE = "before"
"""As the cause of a trace: the fact that stands before it in its command."""


def with_cause(event: Event, before: UUID | None) -> Event:
    """The event; a trace of BEFORE names the fact before it."""
    if isinstance(event, StockTraced) and event.cause_event_id == BEFORE:
        return replace(event, cause_event_id=str(before))
    return event


def rows(commands: Iterable[Sequence[Event]]) -> list[EventRow]:
    """One row per fact; those of a command share its id."""
    found: list[EventRow] = []
    log = _Log(found)
    for number, command in enumerate(commands, 1):
        before: UUID | None = None
        for each in command:
            event_id = UUID(int=len(found) + 1)
            log.add(with_cause(each, before), event_id, minute(0), f"k{number}")
            if not isinstance(each, StockTraced):
                before = event_id
    return found


def rows_of_facts(commands: Iterable[Facts]) -> list[EventRow]:
    """The same of facts as they were decided."""
    found: list[EventRow] = []
    log = _Log(found)
    for number, command in enumerate(commands, 1):
        for fact in command:
            log.add(fact.event, fact.event_id, fact.occurred_at, f"k{number}")
    return found


def judged(
    found: Sequence[EventRow],
    *,
    ignored: Collection[str] = (),
    name: str = LEDGER,
    crossings: Crossings | None = None,
) -> dict[str, LawResult]:
    """What the laws say of these rows of the ledger `name`. Those of keys, chain and heads are not
    asked; `ignored` ones only of goods. `crossings` are told of, for one who judges many ledgers.
    """
    laws = {law: LawResult(law=law) for law in LAWS}
    asked = {law: LawResult(law=law) if law in ignored else laws[law] for law in LAWS}
    tenant = name.partition("/")[0]
    ledger = LedgerRow(name, tenant, shard_of(name, 16), 0, bytes(32), minute(0))
    fold = LedgerFold(name)
    nobody = LawResult(law="chain")
    crossings = crossings or Crossings(laws["conservation"])

    def history(row: EventRow) -> Iterator[tuple[str, bytes, datetime]]:
        for each in found[: row.position - 1]:
            if each.stream == row.stream:
                yield each.type, each.data, each.occurred_at

    check = LedgerCheck(
        fold=fold,
        positions=PositionCheck(nobody, ledger, 16),
        once=OnceCheck(nobody, ledger, iter(())),
        oversell=OversellCheck(asked["no_oversell"], fold),
        conservation=ConservationCheck(asked["conservation"], fold),
        counts=CountCheck(asked["conservation"], history),
        reservations=ReservationCheck(asked["conservation"], fold),
        goods=GoodsCheck(laws["no_oversell"], laws["conservation"], fold),
        crossings=CrossingCheck(laws["conservation"], name, crossings),
        postings=PostingCheck(laws["conservation"], name),
        chain=ChainCheck(nobody, ledger, [], None),
        readable=laws["folds"],
        metadata=MetadataReader(),
    )
    for row in found:
        check.event(row)
    check.end()
    return laws


class _Log:
    def __init__(self, rows: list[EventRow]) -> None:
        self._rows = rows
        self._versions: Counter[str] = Counter()

    def add(self, event: Event, event_id: UUID, occurred_at: datetime, command: str) -> None:
        stream, position = stream_of(event), len(self._rows) + 1
        self._versions[stream] += 1
        type_name, data = encode(event)
        row = EventRow(
            ledger=LEDGER,
            position=position,
            tenant="acme",
            shard=shard_of(LEDGER, 16),
            shard_position=position,
            stream=stream,
            version=self._versions[stream],
            event_id=event_id,
            type=type_name,
            data=data,
            metadata=f'{{"command_id":"{command}"}}'.encode(),
            occurred_at=occurred_at,
            recorded_at=minute(0),
            chain_hash=bytes(32),
        )
        self._rows.append(row)
