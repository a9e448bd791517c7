"""What the allocator says to events: when to allocate what waits, and never twice at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import json

from commands.processes.backorders import Allocator, WaitingStock
from commands.processes.process import Happened, Instance, Reaction, Sent, Task
from commands.submission import Answer, Outcome
from domain.events import (
    BackorderClosed,
    Event,
    StockAdjusted,
    StockBackordered,
    StockEvent,
    StockReceived,
    StockReturned,
)
from domain.quantities import deltas
from domain.refusals import Refusal
from eventlog.codec import encode
from tests.happenings import year
from tests.order_world import OrderWorld, line, units

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE: dict[str, Any] = {"sku": "A", "location": "hall"}
WAITS = StockBackordered(**HERE, order_id="o", line=1, quantity=5)
CAME = StockReceived(**HERE, quantity=3)
INSTANCE = Instance(ledger="acme/main", id="A@hall")
ALLOCATOR = Allocator()


def happened(event: Event, position: int) -> Happened:
    return Happened(
        tenant="acme",
        ledger="acme/main",
        stream="stock-A@hall",
        stream_version=position,
        position=position,
        event_id=UUID(int=position),
        occurred_at=START,
        recorded_at=START,
        event=event,
    )


class Story:
    """The allocator's one instance, told of events and answers."""

    def __init__(self) -> None:
        self.state: WaitingStock | None = None
        self.tasks: list[Task] = []
        self._position = 0

    def tell(self, *events: Event) -> Story:
        for event in events:
            self._position += 1
            told = happened(event, self._position)
            assert tuple(ALLOCATOR.instances(told)) == (INSTANCE,)
            self._take(ALLOCATOR.react(told, INSTANCE, self.state))
        return self

    def answer(self, outcome: Outcome = "refused", after: str | None = None) -> Story:
        task = self.tasks[-1]
        sent = Sent(
            id=task.id,
            due_at=task.due_at,
            command=task.command,
            answered_at=START,
            answer=Answer(outcome=outcome, body=json.encode({"refusal": {"after": after}})),
        )
        self._take(ALLOCATOR.answered(sent, INSTANCE, self.state))
        return self

    def _take(self, reaction: Reaction[WaitingStock]) -> None:
        self.state = reaction.state
        self.tasks += reaction.tasks


def test_units_that_come_where_orders_wait_are_allocated() -> None:
    story = Story().tell(WAITS, CAME)
    (task,) = story.tasks
    assert task.command == {"type": "allocate_backorders", "ledger": "main", **HERE}
    assert task.due_at == START


def test_where_nobody_waits_nothing_is_asked_for() -> None:
    assert Story().tell(CAME).tasks == []
    done = BackorderClosed(**HERE, order_id="o", line=1, quantity=5, outcome="cancelled")
    story = Story().tell(WAITS, done, CAME)
    assert (story.tasks, story.state) == ([], None)


def test_what_makes_nothing_available_asks_for_nothing() -> None:
    lost = StockAdjusted(**HERE, delta=-1, reason="lost")
    damaged = StockReturned(**HERE, quantity=2, to="damaged")
    assert Story().tell(WAITS, lost, damaged).tasks == []


def test_while_one_allocation_is_under_way_further_arrivals_ask_for_one_more() -> None:
    story = Story().tell(WAITS, CAME, CAME, CAME)
    assert len(story.tasks) == 1
    story.answer()
    assert len(story.tasks) == 2
    assert len({task.id for task in story.tasks}) == 2
    story.answer()
    assert len(story.tasks) == 2
    assert story.state == WaitingStock(units=5)
    assert len(story.tell(CAME).tasks) == 3


def test_it_asks_again_until_there_is_nothing_to_allocate() -> None:
    story = Story().tell(WAITS, CAME).answer("accepted").answer("accepted")
    assert len(story.tasks) == 3
    assert len(story.answer("refused").tasks) == 3
    assert story.state == WaitingStock(units=5)


def test_it_goes_on_behind_those_that_cannot_be_served_then_for_all_if_more_came() -> None:
    story = Story().tell(WAITS, CAME).answer(after="o99").tell(CAME)
    story.answer(after="o199").answer("accepted").answer().answer()
    assert [task.command.get("after") for task in story.tasks] == [
        None, "o99", "o199", "o199", None,
    ]  # fmt: skip
    assert len({task.id for task in story.tasks}) == 5
    assert story.state == WaitingStock(units=5)


def test_it_is_told_of_whatever_may_make_units_available() -> None:
    freeing = set()
    for event, _ in year(1, 2_000):
        if isinstance(event, StockEvent):
            moved = deltas(event)
            if moved.on_hand > moved.reserved + moved.committed + moved.picked + moved.held:
                freeing.add(encode(event)[0])
    assert len(freeing) > 10
    assert freeing <= ALLOCATOR.handles


def test_an_instance_is_over_when_nobody_waits_and_nothing_is_under_way() -> None:
    served = BackorderClosed(**HERE, order_id="o", line=1, quantity=5, outcome="allocated")
    story = Story().tell(WAITS, CAME, served)
    assert story.state == WaitingStock(units=0, is_asked=True)
    assert story.answer().state is None


def test_the_same_events_say_the_same_tasks() -> None:
    first, again = (Story().tell(WAITS, CAME, CAME).answer() for _ in range(2))
    assert first.tasks == again.tasks
    assert replace(first.tasks[0]) == again.tasks[0]


def test_what_a_short_pick_gives_up_is_there_for_whoever_waits_by_it() -> None:
    world = OrderWorld()
    world.receive(3, "A", "hall")
    world.place("o", line(1, 1, "A", "hall"), allocation="partial", backorder=True)
    world.list_picks("o", "p", "hall")
    done = world.pick("o", "p", [units(1, 0)])
    assert not isinstance(done, Refusal)
    told = [event for event in done if getattr(event, "sku", None) == "A"]
    assert len(Story().tell(*told).tasks) == 1
    assert not isinstance(world.serve("A", "hall"), Refusal)
    assert (world.stock("A", "hall").committed, world.stock("A", "hall").waiting) == (1, 0)
