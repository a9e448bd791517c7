"""Facts as the rows that `verify` reads, command by command, and what its laws say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from domain.events import Event, StockTraced
from eventlog.codec import encode
from replay.verify.chain import ChainCheck
from replay.verify.conservation import ConservationCheck
from replay.verify.counts import CountCheck
from replay.verify.goods import GoodsCheck
from replay.verify.ledger import LedgerFold
from replay.verify.ledger_check import LedgerCheck
from replay.verify.once import MetadataReader, OnceCheck
from replay.verify.oversell import OversellCheck
from replay.verify.positions import PositionCheck, shard_of
from replay.verify.report import LAWS, LawResult
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
    versions: Counter[str] = Counter()
    for number, command in enumerate(commands, 1):
        before: UUID | None = None
        for each in command:
            event = with_cause(each, before)
            stream = stream_of(event)
            versions[stream] += 1
            if not isinstance(event, StockTraced):
                before = UUID(int=len(found) + 1)
            found.append(_row(len(found) + 1, event, versions[stream], f"k{number}"))
    return found


def judged(commands: Iterable[Sequence[Event]]) -> dict[str, LawResult]:
    """What the laws say of these commands. Those of keys, chain and heads are not asked."""
    laws = {law: LawResult(law=law) for law in LAWS}
    ledger = LedgerRow(LEDGER, "acme", shard_of(LEDGER, 16), 0, bytes(32), minute(0))
    fold = LedgerFold(LEDGER)
    ignored = LawResult(law="chain")
    check = LedgerCheck(
        fold=fold,
        positions=PositionCheck(ignored, ledger, 16),
        once=OnceCheck(ignored, ledger, iter(())),
        oversell=OversellCheck(laws["no_oversell"], fold),
        conservation=ConservationCheck(laws["conservation"], fold),
        counts=CountCheck(laws["conservation"], lambda _: iter(())),
        goods=GoodsCheck(laws["no_oversell"], laws["conservation"], fold),
        chain=ChainCheck(ignored, ledger, [], None),
        readable=laws["folds"],
        metadata=MetadataReader(),
    )
    for row in rows(commands):
        check.event(row)
    check.end()
    return laws


def _row(position: int, event: Event, version: int, command: str) -> EventRow:
    type_name, data = encode(event)
    return EventRow(
        ledger=LEDGER,
        position=position,
        tenant="acme",
        shard=shard_of(LEDGER, 16),
        shard_position=position,
        stream=stream_of(event),
        version=version,
        event_id=UUID(int=position),
        type=type_name,
        data=data,
        metadata=f'{{"command_id":"{command}"}}'.encode(),
        occurred_at=minute(0),
        recorded_at=minute(0),
        chain_hash=bytes(32),
    )
