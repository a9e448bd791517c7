"""Finishes a count that was being submitted in parts when its submitter died.

Whoever submits a large count posts part after part at once. When it is not done a while after its
first part, the rest is posted from here, as that submitter would have gone on: what was planned and
not entered has been accepted by it. Should it be alive all the same, nothing is posted twice: a
part posts what is not posted yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from commands.processes.process import Happened, Instance, Reaction, Sent, Task
from domain.events import CountPosted, CountSubmitted
from domain.streams import id_of

# The largest count takes a submitter that lives some seconds; on a busy store it may be more.
STALLED_AFTER: Final = timedelta(seconds=60)
PART: Final = "post_count_part"
WHOLE: Final = "submit_count"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittingCount:
    """`task` is what goes on with it, if nobody else does."""

    task: str


Answer = Reaction[SubmittingCount]


class CountFinishing:
    """A `ProcessManager` with an instance for each count of which a part is posted."""

    name = "counts"
    handles = frozenset({"count.posted.v1", "count.submitted.v1"})
    state_type = SubmittingCount

    def may_concern(self, type_name: str, data: bytes) -> bool:
        del type_name, data
        return True

    def instances(self, happened: Happened) -> Iterable[Instance]:
        return (Instance(ledger=happened.ledger, id=id_of(happened.stream)),)

    def react(
        self, happened: Happened, instance: Instance, state: SubmittingCount | None
    ) -> Answer:
        match happened.event:
            case CountPosted() if state is None:
                due_at = happened.recorded_at + STALLED_AFTER
                task = _task(PART, instance, str(happened.position), due_at)
                return Reaction(state=SubmittingCount(task=task.id), tasks=(task,))
            case CountSubmitted():
                return Reaction(state=None, cancelled=() if state is None else (state.task,))
            case _:
                return Reaction(state=state)

    def answered(self, sent: Sent, instance: Instance, state: SubmittingCount | None) -> Answer:
        """Part by part at once; the last part is the whole's. What refuses that is there to see."""
        kind, _, rest = sent.id.partition("/")
        if state is None or kind == WHOLE:
            return Reaction(state=state)
        further = sent.answer.outcome == "accepted"
        name = rest.rpartition("/")[2]
        task = _task(PART if further else WHOLE, instance, _next(name), sent.answered_at)
        return Reaction(state=SubmittingCount(task=task.id), tasks=(task,))


def _task(kind: str, instance: Instance, name: str, due_at: datetime) -> Task:
    return Task(
        id=f"{kind}/{instance.id}/{name}",
        due_at=due_at,
        command={
            "type": kind,
            "ledger": instance.ledger.partition("/")[2],
            "count_id": instance.id,
            "accept_uncounted": True,
        },
    )


def _next(name: str) -> str:
    """`12` goes on as `12+1`, that one as `12+2`."""
    position, _, times = name.partition("+")
    return f"{position}+{int(times or 0) + 1}"
