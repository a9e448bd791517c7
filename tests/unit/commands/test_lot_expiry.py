"""What the clock of lots says to traced units: when what is left of a lot is to be put on hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from commands.messages import COMMAND
from commands.processes.lot_expiry import ExpiringStock, LotExpiry
from commands.processes.process import Happened, Instance, Reaction
from domain.events import StockTraced, TracedUnits

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST_GOOD_DAY = date(2026, 3, 31)
INSTANCE = Instance(ledger="acme/main", id="A@hall")
EXPIRY = LotExpiry()


def reactions(*traces: tuple[TracedUnits, ...]) -> list[Reaction[ExpiringStock]]:
    found: list[Reaction[ExpiringStock]] = []
    state = None
    for number, units in enumerate(traces, 1):
        told = Happened(
            tenant="acme",
            ledger="acme/main",
            stream="stock-A@hall",
            stream_version=number,
            position=number,
            event_id=UUID(int=number),
            occurred_at=START,
            recorded_at=START,
            event=StockTraced(sku="A", location="hall", cause_event_id="x", units=units),
        )
        assert tuple(EXPIRY.instances(told)) == (INSTANCE,)
        found.append(EXPIRY.react(told, INSTANCE, state))
        state = found[-1].state
    return found


def came(units: int, expires_on: date | None = LAST_GOOD_DAY) -> tuple[TracedUnits, ...]:
    return (TracedUnits(lot="L1", on_hand=units, expires_on=expires_on),)


def test_a_lot_expires_on_the_day_after_its_last_good_one() -> None:
    (answer,) = reactions(came(5))
    (task,) = answer.tasks
    assert task.due_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert COMMAND.validate_python({**task.command, "key": "k"}).type == "expire_lot"


def test_a_lot_that_is_good_until_the_last_day_there_is_never_expires() -> None:
    assert [answer.tasks for answer in reactions(came(5, date.max))] == [()]


def test_more_of_a_lot_expires_with_it() -> None:
    _, more = reactions(came(5), came(3))
    assert (more.tasks, more.cancelled) == ((), ())


def test_a_lot_of_which_nothing_is_left_does_not_expire() -> None:
    first, _, gone = reactions(came(5), came(-2, None), came(-3, None))
    assert gone == Reaction(state=None, cancelled=(first.tasks[0].id,))


def test_a_lot_without_a_last_good_day_never_expires() -> None:
    (answer,) = reactions(came(5, None))
    assert answer.tasks == ()


def test_a_lot_that_is_given_a_last_good_day_expires_after_it() -> None:
    _, dated = reactions(came(5, None), came(0))
    assert [task.due_at for task in dated.tasks] == [datetime(2026, 4, 1, tzinfo=UTC)]
    _, never = reactions(came(5), came(0, date.max))
    assert (len(never.cancelled), never.tasks) == (1, ())


def test_another_last_good_day_is_another_task() -> None:
    first, other = reactions(came(5), came(1, date(2026, 3, 20)))
    assert other.cancelled == (first.tasks[0].id,)
    assert [task.due_at.date() for task in other.tasks] == [date(2026, 3, 21)]
