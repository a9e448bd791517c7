"""Carts and the quota's count against the stocks: lawful as they are, not when changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain import events as facts
from domain.events import Event
from eventlog.codec import encode
from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.reservations import ReservationCheck
from replay.verify.rows import EventRow
from replay.verify.stock import MOVES
from tests.happenings import stream_of

AT = datetime(2026, 3, 1, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
HERE: dict[str, Any] = {"sku": "A", "location": "hall"}
LINE = facts.CartLine(line=1, quantity=2, **HERE)
MORE = facts.CartLine(line=2, quantity=1, **HERE)
Command = tuple[Event, ...]


def reserved(name: str, units: int) -> Event:
    return facts.StockReserved(**HERE, reservation_id=name, quantity=units, expires_at=LATER)


def released(name: str, units: int) -> Event:
    return facts.ReservationReleased(**HERE, reservation_id=name, quantity=units)


def counted(delta: int, known: int) -> Event:
    return facts.ReservedUnitsCounted(delta=delta, known=known)


CART: Command = (
    facts.CartReserved(reservation_id="c", lines=(LINE, MORE), expires_at=LATER),
    reserved("c", 3),
)
RELEASED: Command = (facts.CartReleased(reservation_id="c"), released("c", 3))
QUOTA: Command = (facts.PolicySet(reservation_quota=5),)


def difference(*commands: Command) -> str | None:
    """What the law says of these commands, one after another."""
    law = LawResult(law="conservation")
    fold = LedgerFold("acme/main")
    check = ReservationCheck(law, fold)
    position = 0
    for command in commands:
        for event in command:
            position += 1
            kind, data = encode(event)
            row = EventRow(
                ledger="acme/main",
                position=position,
                tenant="acme",
                shard=0,
                shard_position=position,
                stream=stream_of(event),
                version=position,
                event_id=UUID(int=position),
                type=kind,
                data=data,
                metadata=b"{}",
                occurred_at=AT,
                recorded_at=AT,
                chain_hash=bytes(32),
            )
            told = msgspec.json.decode(data)
            if kind in MOVES:
                _, moved = fold.stock(row, told)
                check.stock(row, moved)
            else:
                fold.other(row, told)
                check.other(row, told)
        check.end_of_command()
    return None if law.difference is None else law.difference.sentence()


@pytest.mark.parametrize(
    "commands",
    [
        (CART, RELEASED),
        (CART, (released("c", 1),), (facts.CartExpired(reservation_id="c"), released("c", 2))),
        (CART, (facts.CartExtended(reservation_id="c", expires_at=LATER),)),
        (
            (reserved("r", 2),),
            QUOTA,
            (reserved("s", 1), counted(1, 1)),
            (reserved("t", 1), counted(1, 2)),
        ),
        (
            (reserved("r", 2),),
            QUOTA,
            (released("r", 1), counted(-1, -1)),
            (facts.QuotaOpened(units=2, policy_version=1),),
            (reserved("s", 3), counted(3, 4)),
        ),
        (QUOTA, (facts.PolicySet(),), (reserved("s", 9),)),
    ],
)
def test_what_commands_lead_to_is_lawful(commands: tuple[Command, ...]) -> None:
    assert difference(*commands) is None


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        (((CART[0], reserved("c", 2)),), "cart c at A at hall"),
        ((CART, (RELEASED[0],)), "cart c at A at hall"),
        ((CART, (RELEASED[0], released("c", 2))), "expected 0 reserved for it, found 1"),
        ((QUOTA, (reserved("r", 2),)), "count of reserved units"),
        ((QUOTA, (reserved("r", 2), counted(1, 2))), "expected 2"),
        ((QUOTA, (reserved("r", 2), counted(2, 3))), "reserved units known to the quota"),
        ((QUOTA, (reserved("r", 6), counted(6, 6))), "no more than the quota, 5"),
        (
            ((reserved("r", 2),), QUOTA, (facts.QuotaOpened(units=1, policy_version=1),)),
            "units reserved when the quota began",
        ),
        (
            (
                QUOTA,
                (facts.QuotaOpened(units=0, policy_version=1),),
                (facts.QuotaOpened(units=0, policy_version=1),),
            ),
            "once",
        ),
    ],
)
def test_whatever_does_not_agree_with_the_stocks_is_told(
    commands: tuple[Command, ...], told: str
) -> None:
    found = difference(*commands)
    assert found is not None
    assert told in found
