"""One process's instances and tasks while a transaction changes them: folded here, written once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Generic

from msgspec import json

from commands.processes import tables
from commands.processes.process import Instance, ProcessManager, Reaction, State, Task
from commands.processes.tables import Rows, Said


class Turn(Generic[State]):
    """Used by one thread, in one transaction. The wanted instances' ledgers are locked by it."""

    def __init__(
        self, connection: Rows, manager: ProcessManager[State], wanted: Collection[Instance]
    ) -> None:
        self._connection = connection
        self._process = manager.name
        tables.lock_ledgers(connection, manager.name, {each.ledger for each in wanted})
        found = tables.states(connection, manager.name, wanted)
        decode = json.Decoder(manager.state_type).decode
        self._states: dict[Instance, State] = {key: decode(body) for key, body in found.items()}
        self._changed: dict[Instance, None] = {}
        self._said: dict[tuple[str, str], Said] = {}
        self._cancelled: dict[tuple[str, str], None] = {}

    def state(self, instance: Instance) -> State | None:
        return self._states.get(instance)

    def take(
        self, instance: Instance, reaction: Reaction[State], *, correlation: str | None
    ) -> None:
        """What a reaction says of one instance."""
        if reaction.state is not self._states.get(instance):
            self._changed[instance] = None
            if reaction.state is None:
                del self._states[instance]
            else:
                self._states[instance] = reaction.state
        for task_id in reaction.cancelled:
            key = (instance.ledger, task_id)
            self._said.pop(key, None)
            self._cancelled[key] = None
        for task in reaction.tasks:
            self._say(instance, task, correlation)

    def write(self) -> bool:
        """Into the transaction, all of it. Whether there are tasks among it."""
        encoded = {
            instance: self._encoded(self._states.get(instance)) for instance in self._changed
        }
        tables.keep_states(self._connection, self._process, encoded)
        # A task that is said again after it was cancelled is the same one: it may be done already.
        gone = self._cancelled.keys() - self._said.keys()
        tables.cancel_tasks(self._connection, self._process, gone)
        tables.keep_tasks(self._connection, self._process, self._said.values())
        return bool(self._said)

    def _say(self, instance: Instance, task: Task, correlation: str | None) -> None:
        key = (instance.ledger, task.id)
        self._said.setdefault(key, Said(instance=instance, task=task, correlation=correlation))

    @staticmethod
    def _encoded(state: Any) -> bytes | None:  # noqa: ANN401 - any manager's state
        return None if state is None else json.encode(state)
