"""Rules by name: sets of decision functions, kept side by side."""

from __future__ import annotations

from collections.abc import Mapping

from replay.compensation.planted import IGNORES_HELD
from replay.fork.rules import TODAY as DECIDED_TODAY
from replay.fork.rules import Rules

TODAY = "today"
# Never the default, and not what a past should be made up by: it is there to be found out.
PLANTED = "ignores_held"
RULES: Mapping[str, Rules] = {TODAY: DECIDED_TODAY, PLANTED: IGNORES_HELD}


class UnknownRulesError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"there are no rules {name!r}; there are {', '.join(sorted(RULES))}")
        self.name = name


def rules(name: str) -> Rules:
    """Raises UnknownRulesError."""
    found = RULES.get(name)
    if found is None:
        raise UnknownRulesError(name)
    return found
