"""Who goes on with a count when its submitter is gone: pure."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from commands.processes.count_finishing import STALLED_AFTER, CountFinishing, SubmittingCount
from commands.processes.process import Happened, Instance, Reaction, Sent, Task
from commands.submission import Answer, Outcome
from domain.events import CountPosted, CountSubmitted, Event, PostedLine

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTANCE = Instance(ledger="acme/main", id="c")
MANAGER = CountFinishing()
POSTED = CountPosted(count_id="c", lines=(PostedLine(line=1, expected=0),))
DONE = CountSubmitted(count_id="c")


def told(
    event: Event, position: int, state: SubmittingCount | None = None
) -> Reaction[SubmittingCount]:
    happened = Happened(
        tenant="acme",
        ledger="acme/main",
        stream="count-c",
        stream_version=position,
        position=position,
        event_id=UUID(int=position),
        occurred_at=START,
        recorded_at=START,
        event=event,
    )
    assert tuple(MANAGER.instances(happened)) == (INSTANCE,)
    return MANAGER.react(happened, INSTANCE, state)


def answered(
    task: Task, outcome: Outcome, state: SubmittingCount | None
) -> Reaction[SubmittingCount]:
    sent = Sent(
        id=task.id,
        due_at=task.due_at,
        command=task.command,
        answered_at=START,
        answer=Answer(outcome=outcome, body=b"{}"),
    )
    return MANAGER.answered(sent, INSTANCE, state)


def test_a_while_after_its_first_part_it_goes_on_unless_the_count_is_done() -> None:
    first = told(POSTED, 7)
    (task,) = first.tasks
    assert task.due_at == START + STALLED_AFTER
    assert task.command == {
        "type": "post_count_part", "ledger": "main", "count_id": "c", "accept_uncounted": True,
    }  # fmt: skip
    second = told(POSTED, 8, first.state)
    assert second == Reaction(state=first.state)
    done = told(DONE, 9, second.state)
    assert (done.state, done.cancelled) == (None, (task.id,))


def test_it_goes_on_part_by_part_and_ends_with_the_whole() -> None:
    reaction = told(POSTED, 7)
    kinds, ids = [], set()
    for outcome in ("accepted", "accepted", "refused"):
        reaction = answered(reaction.tasks[0], outcome, reaction.state)
        kinds.append(reaction.tasks[0].command["type"])
        ids.add(reaction.tasks[0].id)
    assert kinds == ["post_count_part", "post_count_part", "submit_count"]
    assert len(ids) == 3
    assert answered(reaction.tasks[0], "refused", reaction.state).tasks == ()


def test_what_is_done_is_left_alone() -> None:
    (task,) = told(POSTED, 7).tasks
    assert answered(task, "refused", None) == Reaction(state=None)
