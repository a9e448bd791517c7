"""What the clock says to events: pure, without a log or a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from commands.messages import COMMAND, ExpireReservation
from commands.processes.clock import Clock, OpenReservation, OpenUnits
from commands.processes.process import Happened, Instance, Reaction
from domain.events import (
    Event,
    ReservationExpired,
    ReservationExtended,
    ReservationReleased,
    StockReserved,
    StockShipped,
)
from domain.streams import stock_stream

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = START + timedelta(minutes=15)
HELD: dict[str, Any] = {"sku": "A", "location": "hall", "reservation_id": "r1"}
CLOCK = Clock()


def happened(event: Event, *, place: str = "hall") -> Happened:
    return Happened(
        tenant="acme",
        ledger="acme/main",
        stream=stock_stream("A", place),
        stream_version=1,
        position=1,
        event_id=UUID(int=1),
        occurred_at=START,
        recorded_at=START,
        event=event,
    )


def reactions(*events: Event, place: str = "hall") -> list[Reaction[OpenReservation]]:
    """What the clock says to each, one after another."""
    found: list[Reaction[OpenReservation]] = []
    state = None
    for event in events:
        told = happened(event, place=place)
        (instance,) = CLOCK.instances(told)
        found.append(CLOCK.react(told, instance, state))
        state = found[-1].state
    return found


RESERVED = StockReserved(**HELD, quantity=5, expires_at=LATER)


def test_a_reservation_expires_at_its_instant_by_a_command_dated_so() -> None:
    (answer,) = reactions(RESERVED)
    (task,) = answer.tasks
    assert task.due_at == LATER
    command = COMMAND.validate_python({**task.command, "key": "k"})
    assert isinstance(command, ExpireReservation)
    assert (command.sku, command.location, command.reservation_id) == ("A", "hall", "r1")
    assert (command.ledger, command.occurred_at) == ("main", LATER)


def test_what_ends_a_reservation_cancels_its_expiry() -> None:
    for ending in (
        ReservationReleased(**HELD, quantity=5),
        ReservationExpired(**HELD, quantity=5),
        StockShipped(**HELD, quantity=5),
    ):
        first, last = reactions(RESERVED, ending)
        assert last == Reaction(state=None, cancelled=(first.tasks[0].id,))


def test_a_part_that_is_shipped_leaves_the_rest_to_expire() -> None:
    _, shipped = reactions(RESERVED, StockShipped(**HELD, quantity=3))
    left = OpenReservation(stocks={"stock-A@hall": OpenUnits(quantity=2, expires_at=LATER)})
    assert shipped == Reaction(state=left)


def test_an_extension_puts_off_the_expiry_under_another_id() -> None:
    much_later = LATER + timedelta(hours=1)
    first, extended = reactions(RESERVED, ReservationExtended(**HELD, expires_at=much_later))
    assert extended.cancelled == (first.tasks[0].id,)
    (task,) = extended.tasks
    assert task.due_at == much_later
    assert task.id != first.tasks[0].id


def test_one_reservation_at_two_stocks_expires_at_each() -> None:
    here = happened(RESERVED)
    there = happened(StockReserved(**HELD | {"location": "annex"}, quantity=2, expires_at=LATER))
    there = replace(there, stream=stock_stream("A", "annex"))
    (instance,) = CLOCK.instances(here)
    assert tuple(CLOCK.instances(there)) == (instance,)
    first = CLOCK.react(here, instance, None)
    second = CLOCK.react(there, instance, first.state)
    assert second.state is not None
    assert set(second.state.stocks) == {"stock-A@hall", "stock-A@annex"}
    assert {first.tasks[0].id, second.tasks[0].id} == {
        f"expire/A@{place}/r1/{LATER.isoformat()}" for place in ("hall", "annex")
    }


def test_an_end_of_what_was_never_seen_says_nothing() -> None:
    (answer,) = reactions(ReservationReleased(**HELD, quantity=5))
    assert answer == Reaction(state=None)


def test_a_shipment_without_a_reservation_is_seen_by_its_bytes() -> None:
    shipped = "stock.shipped.v1"
    assert not CLOCK.may_concern(shipped, b'{"sku":"A","location":"hall","quantity":1}')
    assert CLOCK.may_concern(shipped, b'{"sku":"A","reservation_id":"r1","quantity":1}')
    assert not tuple(CLOCK.instances(happened(StockShipped(sku="A", location="hall", quantity=1))))


def test_instances_are_of_the_events_own_ledger() -> None:
    assert tuple(CLOCK.instances(happened(RESERVED))) == (Instance(ledger="acme/main", id="r1"),)
