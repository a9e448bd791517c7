"""The process managers of the ledgers: told of every event, their tasks sent when they are due."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec import json

from commands.processes.known import MANAGERS
from commands.processes.process import (
    AnyManager,
    Happened,
    Instance,
    Reaction,
    Sent,
    Task,
    task_key,
)
from commands.processes.sender import ANY_KEY, TASK
from commands.submission import Submission
from tests.property.whole_domain.ledgers import Done, Ledgers, Told


@dataclass(slots=True)
class Managers:
    """`position` is how far they were told. Tasks are by manager, ledger and id."""

    position: int = 0
    states: dict[tuple[str, Instance], Any] = field(default_factory=dict)
    waiting: dict[tuple[str, str, str], tuple[AnyManager, Instance, Task]] = field(
        default_factory=dict
    )
    said: set[tuple[str, str, str]] = field(default_factory=set)

    def follow(self, ledgers: Ledgers) -> None:
        """Be told of what is in the log by now."""
        for told in ledgers.log[self.position :]:
            name = told.stored.type
            for manager in MANAGERS:
                if name in manager.handles and manager.may_concern(name, told.stored.data):
                    happened = _happened(told)
                    for instance in manager.instances(happened):
                        state = self.states.get((manager.name, instance))
                        self._take(manager, instance, manager.react(happened, instance, state))
        self.position = len(ledgers.log)

    def due(self, ledgers: Ledgers) -> list[tuple[tuple[str, str, str], Submission]]:
        """What is to be sent now, earliest first."""
        due = [(key, it) for key, it in self.waiting.items() if it[2].due_at <= ledgers.now]
        due.sort(key=lambda each: (each[1][2].due_at, each[0]))
        return [(key, _submission(*it)) for key, it in due]

    def answered(self, key: tuple[str, str, str], done: Done) -> None:
        """A task has its answer, which is one for ever."""
        assert done.answer.outcome in {"accepted", "refused"}, done.answer.body
        manager, instance, task = self.waiting.pop(key)
        sent = Sent(
            id=task.id,
            due_at=task.due_at,
            command=task.command,
            answered_at=done.now,
            answer=done.answer,
        )
        state = self.states.get((manager.name, instance))
        self._take(manager, instance, manager.answered(sent, instance, state))

    def _take(self, manager: AnyManager, instance: Instance, reaction: Reaction[Any]) -> None:
        if reaction.state is None:
            self.states.pop((manager.name, instance), None)
        else:
            self.states[manager.name, instance] = reaction.state
        for task_id in reaction.cancelled:
            key = (manager.name, instance.ledger, task_id)
            if self.waiting.pop(key, None) is not None:
                self.said.discard(key)
        for task in reaction.tasks:
            key = (manager.name, instance.ledger, task.id)
            if key not in self.said:
                self.waiting[key] = (manager, instance, task)
                self.said.add(key)

    def copy(self) -> Managers:
        """Ones to go on with by themselves."""
        return Managers(self.position, self.states.copy(), self.waiting.copy(), self.said.copy())


def _submission(manager: AnyManager, instance: Instance, task: Task) -> Submission:
    command = TASK.validate_json(json.encode({**task.command, "key": ANY_KEY}))
    home = instance.ledger.partition("/")[2]
    name = manager.name if command.ledger == home else f"{manager.name}@{home}"
    return Submission(
        tenant=instance.ledger.partition("/")[0],
        actor=f"system_process_{manager.name}",
        command=command.model_copy(update={"key": task_key(name, task.id)}),
    )


def _happened(told: Told) -> Happened:
    stored = told.stored
    return Happened(
        tenant=stored.tenant,
        ledger=stored.ledger,
        stream=stored.stream,
        stream_version=stored.stream_version,
        position=stored.ledger_position,
        event_id=stored.event_id,
        occurred_at=stored.occurred_at,
        recorded_at=stored.recorded_at,
        event=told.event,
    )
