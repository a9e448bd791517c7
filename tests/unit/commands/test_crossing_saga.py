"""What the saga of a crossing says to the other ledger's answer: pure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from commands.processes.crossing_saga import CrossingSaga, CrossingUnderWay
from commands.processes.process import Instance, Sent
from commands.submission import Answer, Outcome

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSTANCE = Instance(ledger="acme/main", id="X")
ARRIVING = CrossingUnderWay(step="arriving")


def sent(outcome: Outcome, code: str | None) -> Sent:
    return Sent(
        id="arrive/X",
        due_at=NOW,
        command={"type": "arrive_crossing"},
        answered_at=NOW,
        answer=Answer(outcome=outcome, body=b"{}", code=code),
    )


@pytest.mark.parametrize(
    ("outcome", "code", "step", "tasks"),
    [
        ("accepted", None, "handing_over", ["hand_over/X"]),
        ("refused", "unknown_item", "returning", ["return/X"]),
        ("key_conflict", "key_conflict", "arriving", []),
    ],
)
def test_units_come_back_only_when_the_other_ledger_has_refused_them(
    outcome: Outcome, code: str | None, step: str, tasks: list[str]
) -> None:
    reaction = CrossingSaga().answered(sent(outcome, code), INSTANCE, ARRIVING)
    assert reaction.state is not None
    assert reaction.state.step == step
    assert [task.id for task in reaction.tasks] == tasks
