"""The saga of a crossing: what left one ledger comes in at the other, or goes back.

An instance is a crossing in the ledger that it left. The other ledger's answer decides which of the
two it is: there is no commit over both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from commands.processes.process import Happened, Instance, Reaction, Sent, Task
from domain.events import (
    CrossingDispatched,
    CrossingEvent,
    CrossingHandedOver,
    CrossingLine,
    CrossingReturned,
)

ARRIVE: Final = "arrive"
Step = Literal["arriving", "handing_over", "returning", "completed", "compensated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingUnderWay:
    step: Step


Answer = Reaction[CrossingUnderWay]


class CrossingSaga:
    """A `ProcessManager`."""

    name = "crossings"
    handles = frozenset(
        {"crossing.dispatched.v1", "crossing.handed_over.v1", "crossing.returned.v1"}
    )
    state_type = CrossingUnderWay

    def may_concern(self, type_name: str, data: bytes) -> bool:
        del type_name, data
        return True

    def instances(self, happened: Happened) -> Iterable[Instance]:
        if not isinstance(happened.event, CrossingEvent):
            return ()
        return (Instance(ledger=happened.ledger, id=happened.event.crossing_id),)

    def react(
        self, happened: Happened, instance: Instance, state: CrossingUnderWay | None
    ) -> Answer:
        match happened.event:
            case CrossingDispatched() as dispatched:
                task = _arrival(happened, instance, dispatched)
                return Reaction(state=CrossingUnderWay(step="arriving"), tasks=(task,))
            case CrossingHandedOver() if state is not None:
                return Reaction(state=replace(state, step="completed"))
            case CrossingReturned() if state is not None:
                return Reaction(state=replace(state, step="compensated"))
            case _:
                return Reaction(state=state)

    def answered(self, sent: Sent, instance: Instance, state: CrossingUnderWay | None) -> Answer:
        """Of what it does at home, the events tell."""
        if state is None or state.step != "arriving" or not sent.id.startswith(f"{ARRIVE}/"):
            return Reaction(state=state)
        at = sent.answered_at
        if sent.answer.outcome == "accepted":
            task = _task(instance, "hand_over", at, {"type": "hand_over_crossing"})
            return Reaction(state=replace(state, step="handing_over"), tasks=(task,))
        if sent.answer.outcome != "refused":
            # Another command bears its key: who has the units is then for somebody to find out.
            return Reaction(state=state)
        back = {"type": "return_crossing", "code": sent.answer.code or "refused"}
        task = _task(instance, "return", at, back)
        return Reaction(state=replace(state, step="returning"), tasks=(task,))


def _arrival(happened: Happened, instance: Instance, event: CrossingDispatched) -> Task:
    return Task(
        id=f"{ARRIVE}/{instance.id}",
        due_at=happened.recorded_at,
        command={
            "type": "arrive_crossing",
            "ledger": event.to_ledger,
            # Several ledgers may send there, each with ids of its own.
            "crossing_id": f"{happened.ledger_name} {event.crossing_id}",
            "from_ledger": happened.ledger_name,
            "destination": event.destination,
            "lines": [_line(line) for line in event.lines],
            "occurred_at": happened.occurred_at,
        },
    )


def _line(line: CrossingLine) -> dict[str, object]:
    lots = [
        {"lot": each.lot, "quantity": each.quantity, "expires_on": each.expires_on}
        for each in line.lots
    ]
    return {"line": line.line, "sku": line.sku, "quantity": line.quantity, "lots": lots}


def _task(instance: Instance, name: str, due_at: datetime, command: Mapping[str, object]) -> Task:
    ledger = instance.ledger.partition("/")[2]
    told = {**command, "ledger": ledger, "crossing_id": instance.id}
    return Task(id=f"{name}/{instance.id}", due_at=due_at, command=told)
