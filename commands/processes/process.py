"""The words of a process manager: what it is told, what it answers, and what it must promise.

A process manager folds events into instances (one reservation, one order's saga, …) and says which
commands are to be sent, and when. It is pure: the same events and answers, in the same order, lead
to the same tasks. What it says is written in the transaction that moves its checkpoint, and sent
afterwards, each task under a key of its own: killed anywhere, it goes on, and nothing takes effect
twice. A replay folds read models and knows of no process manager, so it never sends a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from msgspec import json

from commands.refusals import OccurredInFuture
from commands.submission import Answer
from domain.construction import made_often
from domain.events import Event

# Before every key of a task. No tenant's key can begin so: it is no printable character.
KEY_MARK = "\x02process/"
VERSION = 1
# Between a task's id and when it was refused. No id of the domain has it.
AGAIN_MARK: Final = "~"
AGAIN_AFTER: Final = timedelta(seconds=1)

State = TypeVar("State")


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event with what its envelope says. `position` is the ledger's."""

    tenant: str
    ledger: str
    stream: str
    stream_version: int
    position: int
    event_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    event: Event

    @property
    def ledger_name(self) -> str:
        """As a command names it."""
        return self.ledger.partition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Which one of a process's instances: `id` is unique in the ledger, for this process."""

    ledger: str
    id: str


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A command to be sent once `due_at` has come. `id` is unique in the instance's ledger, for
    ever: a task that is said again is the same one, and what was sent is never sent anew.

    `command` is the command's JSON without its key; its `ledger` may be any of the same tenant.
    """

    id: str
    due_at: datetime
    command: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A task that has its answer: `outcome` is accepted, refused or key_conflict, never failed (it
    is sent again then). `answer` is the body that every retry gets; `due_at` when it was due.
    """

    id: str
    due_at: datetime
    command: Mapping[str, object]
    answered_at: datetime
    answer: Answer

    @property
    def refusal(self) -> Mapping[str, Any]:
        """Its fields; empty when it was not refused."""
        found: Mapping[str, Any] = json.decode(self.answer.body).get("refusal", {})
        return found

    def not_due_before(self, code: str, field: str) -> datetime | None:
        """The instant (or the midnight in UTC) that a refusal with `code` has in `field`, or the
        command's own that lies too far ahead; None when it was refused for another reason.
        """
        told = self.refusal
        named = {code: field, OccurredInFuture.code: "occurred_at"}.get(self.answer.code or "", "")
        if told.get(named) is None:
            return None
        found = datetime.fromisoformat(told[named])
        return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction(Generic[State]):
    """`state` is the instance's from now on; None: it is over, or never began. `cancelled` are ids
    of tasks that need not be sent any more; one that is under way takes place all the same.
    """

    state: State | None
    tasks: tuple[Task, ...] = ()
    cancelled: tuple[str, ...] = ()


class ProcessManager(Protocol[State]):
    """Pure, and stateless itself. Used by several threads."""

    @property
    def name(self) -> str:
        """Lower-case letters and `_`: part of its checkpoint's name and of its tasks' keys."""

    @property
    def handles(self) -> frozenset[str]:
        """Of which events it is told, by the names they are stored under today; those stored under
        older names come as well.
        """

    @property
    def state_type(self) -> type[State]:
        """What instances are, as msgspec writes and reads it: a frozen dataclass."""

    def may_concern(self, type_name: str, data: bytes) -> bool:
        """A cheap look at a handled event as it is stored: False when it concerns nobody."""

    def instances(self, happened: Happened) -> Iterable[Instance]:
        """Whom the event concerns: none, one, or several, of ledgers of the event's tenant."""

    def react(self, happened: Happened, instance: Instance, state: State | None) -> Reaction[State]:
        """What follows for one instance; None is one that has not begun."""

    def answered(self, sent: Sent, instance: Instance, state: State | None) -> Reaction[State]:
        """What follows from a task's answer. An accepted command's events are told of as well,
        before or after this; of a refused one this is all there is.
        """


AnyManager = ProcessManager[Any]


def task_key(process: str, task_id: str) -> str:
    """The command key of a task."""
    return f"{KEY_MARK}{process}/{task_id}"


def said_again(sent: Sent, due_at: datetime | None) -> tuple[Task, ...]:
    """For a task that was refused because what it is about is not due before `due_at`; None: for
    another reason.

    When the task was not due before that either, the clock was set back between its sending and
    its decision: the same is to be sent again, as another task, for a key keeps its answer. Nobody
    cancels that one: it is refused when it is not needed any more. Otherwise what is due was put
    off, and has a task at its new time.
    """
    if due_at is None or due_at > sent.due_at:
        return ()
    said = sent.id.partition(AGAIN_MARK)[0]
    return (
        Task(
            id=f"{said}{AGAIN_MARK}{sent.answered_at.isoformat()}",
            due_at=max(sent.due_at, sent.answered_at + AGAIN_AFTER),
            command=sent.command,
        ),
    )
