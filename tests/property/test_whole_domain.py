"""Whatever commands come for the ledgers of three tenants, in whatever order: every quantity is
what a plain model says it is, and the laws hold after every event.

The machine is in `tests.property.whole_domain.machine`: commands of every type with small pools of
names, late facts, several in one append, keys sent again, time that passes, and the real process
managers. After each command the model (`book`: dicts moved by the commands) is held against the
stocks, and the laws are (`laws`); at the end of each example the verifier judges its log.

To replay a failure: Hypothesis prints every command with its answer, the rules that led to them,
and a line `@reproduce_failure(version, blob)`. With that line above `class WholeDomain` (and its
`from hypothesis import reproduce_failure`) this test runs that one example, nothing else. On the
machine where it failed, running the test again replays it by itself, out of `.hypothesis/`.
"""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from commands.messages import COMMAND_TYPES
from commands.processes.sender import Sendable
from tests.property.whole_domain.book import effects
from tests.property.whole_domain.machine import WholeDomain
from tests.property.whole_domain.moves import command_types

HOW = settings(
    max_examples=1_000,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_no_command_is_missing_from_the_machine() -> None:
    """A further one has a move in `moves`, and what it does stands in the model."""
    assert command_types() == COMMAND_TYPES.keys()
    assert every_command() <= effects().keys()


def every_command() -> set[str]:
    """The types of all commands, also of those that process managers alone send."""
    return COMMAND_TYPES.keys() | {message.type_name for message in get_args(Sendable)[1:]}


def test_every_quantity_is_what_the_model_says() -> None:
    run_state_machine_as_test(WholeDomain, settings=HOW)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_every_quantity_is_what_the_model_says_for_long() -> None:
    WholeDomain.outcomes.clear()
    run_state_machine_as_test(WholeDomain, settings=settings(HOW, max_examples=20_000))
    accepted = {name for name, outcome in WholeDomain.outcomes if outcome == "accepted"}
    assert every_command() - accepted == {"post_count_part"}
