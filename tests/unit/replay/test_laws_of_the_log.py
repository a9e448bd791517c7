"""Positions, keys and chain of a small ledger: lawful as it is, and no longer after any change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.chain import chain_over
from eventlog.log import RecordedEvent
from replay.verify.chain import ChainCheck, link
from replay.verify.once import Metadata, OnceCheck
from replay.verify.positions import PositionCheck, shard_of
from replay.verify.report import LawResult
from replay.verify.rows import EventRow, KeyRow, LedgerRow, microseconds

AT = datetime(2026, 5, 4, 3, 2, 1, 123_456, tzinfo=UTC)
LEDGER = "acme/main"
SHARD = shard_of(LEDGER, 16)


def row(position: int, **changes: Any) -> EventRow:
    plain = EventRow(
        ledger=LEDGER,
        position=position,
        tenant="acme",
        shard=SHARD,
        shard_position=position + 10,
        stream=f"stock-{position % 2}@hall",
        version=(position + 1) // 2,
        event_id=UUID(int=position),
        type="stock.received.v1",
        data=b'{"sku":"1"}',
        metadata=b"{}",
        occurred_at=AT - timedelta(days=9),
        recorded_at=AT + timedelta(seconds=position),
        chain_hash=bytes(32),
    )
    return plain._replace(**changes)


def chained(rows: list[EventRow]) -> list[EventRow]:
    previous, found = bytes(32), []
    for each in rows:
        previous = link(previous, each)
        found.append(each._replace(chain_hash=previous))
    return found


def ledger_of(rows: list[EventRow]) -> LedgerRow:
    last = rows[-1]
    return LedgerRow(LEDGER, "acme", SHARD, last.position, last.chain_hash, last.recorded_at)


ROWS = chained([row(position) for position in range(1, 7)])
HEAD = ledger_of(ROWS)


# --- law 2 ----------------------------------------------------------------------------------------


def positions_of(rows: list[EventRow], head: LedgerRow = HEAD) -> LawResult:
    law = LawResult(law="order")
    check = PositionCheck(law, head, 16)
    for each in rows:
        check.event(each)
    check.end()
    return law


def test_a_ledger_in_order_is_lawful() -> None:
    law = positions_of(ROWS)
    assert (law.ok, law.checked) == (True, 9)


@pytest.mark.parametrize(
    ("rows", "head", "where"),
    [
        ([ROWS[0], *ROWS[2:]], HEAD, "ledger acme/main after position 1"),
        (ROWS[1:], HEAD, "ledger acme/main after position 0"),
        (ROWS[:-1], HEAD, "head of ledger acme/main, position"),
        ([*ROWS[:5], row(6, version=4)], HEAD, "stream version of event 6 of ledger acme/main"),
        ([*ROWS[:5], row(6, tenant="x")], HEAD, "tenant of event 6"),
        ([*ROWS[:5], row(6, shard=99)], HEAD, "shard of event 6"),
        ([*ROWS[:5], row(6, shard_position=15)], HEAD, "shard position of event 6"),
        ([*ROWS[:5], row(6, recorded_at=AT)], HEAD, "recorded_at of event 6"),
        (ROWS, HEAD._replace(recorded_at=AT), "head of ledger acme/main, recorded_at"),
        (ROWS, HEAD._replace(shard=SHARD + 1), "shard of ledger acme/main"),
    ],
)
def test_a_ledger_out_of_order_is_named(rows: list[EventRow], head: LedgerRow, where: str) -> None:
    law = positions_of(rows, head)
    assert law.difference is not None
    assert where in law.difference.where


# --- law 3 ----------------------------------------------------------------------------------------


def answer(outcome: str, first: int | None = None, last: int | None = None) -> bytes:
    positions = "" if first is None else f',"first_position":{first},"last_position":{last}'
    return f'{{"outcome":"{outcome}","ledger":"main"{positions}}}'.encode()


def key(name: str, first: int, last: int) -> KeyRow:
    told = answer("accepted", first, last)
    return KeyRow(name, "acme", 32, True, told, first, last, row(first).recorded_at)


def once_of(commands: Sequence[str | None], keys: list[KeyRow]) -> LawResult:
    """Events of these commands, in order, recorded when their command's first one was."""
    law = LawResult(law="once")
    ordered = sorted(keys, key=lambda each: (each.first_position or 1 << 62, each.key))
    check = OnceCheck(law, HEAD, iter(ordered))
    recorded: dict[str | None, datetime] = {}
    for position, name in enumerate(commands, 1):
        event = row(position)
        at = recorded.setdefault(name, event.recorded_at)
        check.event(event._replace(recorded_at=at), Metadata("key_1", name))
    check.end()
    return law


def keys_of(commands: list[str]) -> list[KeyRow]:
    last = {name: position for position, name in enumerate(commands, 1)}
    return [key(name, commands.index(name) + 1, at) for name, at in last.items()]


sizes = st.lists(st.integers(min_value=1, max_value=4), min_size=1, max_size=6)


@given(sizes)
def test_each_command_has_its_events_and_each_event_its_command(counts: list[int]) -> None:
    commands = [f"k{n}" for n, count in enumerate(counts) for _ in range(count)]
    refused = KeyRow("no", "acme", 32, False, answer("refused"), None, None, AT)
    assert once_of(commands, [*keys_of(commands), refused]).difference is None


@given(sizes, st.data())
def test_a_key_row_more_or_less_or_another_is_found(counts: list[int], data: st.DataObject) -> None:
    commands = [f"k{n}" for n, count in enumerate(counts) for _ in range(count)]
    keys = keys_of(commands)
    victim = data.draw(st.sampled_from(keys))
    first, last = victim.first_position or 0, victim.last_position or 0
    faults: list[list[KeyRow]] = [
        [each for each in keys if each != victim],
        [*keys, victim._replace(key="a")],
        [*keys, victim._replace(key="z")],
        [*keys, key("z", len(commands) + 1, len(commands) + 2)],
        [each if each != victim else each._replace(key="other") for each in keys],
        [each if each != victim else key(each.key, first, last + 1) for each in keys],
        [each if each != victim else key(each.key, first + 1, last + 1) for each in keys],
        [each if each != victim else each._replace(recorded_at=AT) for each in keys],
    ]
    for fault in faults:
        law = once_of(commands, fault)
        assert law.difference is not None, fault


def test_events_without_a_command_need_no_key_row() -> None:
    assert once_of([None, "k", None], [key("k", 2, 2)]).ok
    assert not once_of([None, None, None], [key("k", 2, 2)]).ok


# --- law 8 ----------------------------------------------------------------------------------------


def chain_of(rows: list[EventRow]) -> LawResult:
    law = LawResult(law="chain")
    check = ChainCheck(law, HEAD, [], None)
    for each in rows:
        check.event(each)
    check.end()
    return law


def test_the_chain_is_that_of_the_log() -> None:
    events = [
        RecordedEvent(
            shard=each.shard,
            shard_position=each.shard_position,
            tenant=each.tenant,
            ledger=each.ledger,
            ledger_position=each.position,
            stream=each.stream,
            stream_version=each.version,
            event_id=each.event_id,
            type=each.type,
            data=each.data,
            metadata=each.metadata,
            occurred_at=each.occurred_at,
            recorded_at=each.recorded_at,
            chain_hash=each.chain_hash,
        )
        for each in ROWS
    ]
    assert chain_over(bytes(32), events) == ROWS[-1].chain_hash


def test_the_chain_is_as_written_down() -> None:
    """Column by column, as anyone would compute it from the description alone."""
    first = ROWS[0]
    columns = (
        b"acme", b"acme/main", (1).to_bytes(8, "big"), b"stock-1@hall", (1).to_bytes(8, "big"),
        first.event_id.bytes, b"stock.received.v1", first.data, first.metadata,
        microseconds(first.occurred_at).to_bytes(8, "big"),
        microseconds(first.recorded_at).to_bytes(8, "big"),
    )  # fmt: skip
    leaf = b"".join(len(column).to_bytes(4, "big") + column for column in columns)
    expected = sha256(b"\x01" + bytes(32) + sha256(b"\x00" + leaf).digest()).digest()
    assert first.chain_hash == expected


CHANGES: list[Callable[[EventRow], EventRow]] = [
    lambda each: each._replace(tenant="acm"),
    lambda each: each._replace(ledger="acme/mai"),
    lambda each: each._replace(position=each.position + 1),
    lambda each: each._replace(stream=each.stream + "x"),
    lambda each: each._replace(version=each.version + 1),
    lambda each: each._replace(event_id=UUID(int=99)),
    lambda each: each._replace(type="stock.received.v2"),
    lambda each: each._replace(data=each.data + b" "),
    lambda each: each._replace(data=b"", metadata=each.data + each.metadata),
    lambda each: each._replace(metadata=b"{} "),
    lambda each: each._replace(occurred_at=each.occurred_at + timedelta(microseconds=1)),
    lambda each: each._replace(recorded_at=each.recorded_at - timedelta(microseconds=1)),
    lambda each: each._replace(chain_hash=bytes(32)),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("place", [0, 3, 5])
def test_any_change_to_any_event_breaks_the_chain_there(
    change: Callable[[EventRow], EventRow], place: int
) -> None:
    assert chain_of(ROWS).ok
    altered = [*ROWS[:place], change(ROWS[place]), *ROWS[place + 1 :]]
    law = chain_of(altered)
    assert law.difference is not None
    assert f"event {altered[place].position} of ledger" in law.difference.where
