"""What was due when it was sent and is decided by a clock that was set back in between."""

from __future__ import annotations

from datetime import timedelta

from tests.command_side import now, shelf, write_side
from tests.managers_side import managing
from tests.parts import Database


async def test_a_task_that_came_too_early_is_sent_again_when_it_is_due(
    postgres_database: Database,
) -> None:
    begin = now()
    due = begin + timedelta(hours=1)
    # The sender looks for what is due by the first, once.
    instants = [due, begin]
    clock = lambda: instants.pop(0) if instants[1:] else instants[0]  # noqa: E731 - shorter so
    dsn = postgres_database.log
    async with write_side(dsn) as side, managing(dsn, clock=clock) as managers:
        await side.stock_up(10)
        reserve = {"type": "reserve_stock", "key": "r", "reservation_id": "r", "quantity": 2}
        await side.send(**reserve, **shelf(), expires_at=due.isoformat())
        assert await managers.settle() == 1
        first, again = managers.tasks()
        assert (first["outcome"], again["done_at"]) == ("refused", None)
        assert [each.type for each in side.events()][-1] == "stock.reserved.v1"
        instants[:] = [again["due_at"]]
        assert await managers.settle() == 1
        last = side.events()[-1]
        assert (last.type, last.occurred_at) == ("stock.reservation_expired.v1", due)
