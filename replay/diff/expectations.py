"""What the engineer expects to differ: rules over the events that explain a cell.

A rule is words of the form name=value, such as `type=stock.returned.v1 field=held to=damaged`; all
of them must hold. A name given twice holds for either value; a value with spaces stands in quotes.
Names: `projection`, `tenant`, `ledger`, `field` of the cell; `type` of the event, as it is stored;
any other is a field of the event (`sku`, `location`, `to`, `reason`, `order_id` …).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

RULES_MAX: Final = 100
# ClickHouse's columns of what an event moves are called so; a rule may leave it out.
MOVED: Final = "_delta"


class ExpectationError(Exception):
    """A rule that cannot be read."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(
            f"expectation {text!r}: {why}; write it as name=value words, such as"
            " 'type=stock.returned.v1 field=held to=damaged'"
        )
        self.text = text
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """`wanted`: name -> the values it may have."""

    text: str
    wanted: Mapping[str, frozenset[str]]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ExpectationError`."""
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ExpectationError(text, str(error)) from error
        if not words:
            raise ExpectationError(text, "it is empty, and would expect everything")
        wanted: dict[str, frozenset[str]] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not name or not equals:
                raise ExpectationError(text, f"{word!r} is no name=value")
            wanted[name] = wanted.get(name, frozenset()) | {value}
        return cls(text=text, wanted=wanted)

    def covers(self, cell: Mapping[str, str], fact: object) -> bool:
        """Whether a cell's difference by an event is expected. `fact`: the event, decoded."""
        for name, values in self.wanted.items():
            told = cell[name] if name in cell else getattr(fact, name, None)
            if name == "field" and values & {str(told).removesuffix(MOVED)}:
                continue
            if told is None or _text(told) not in values:
                return False
        return True


def parse_all(texts: Sequence[str]) -> list[Expectation]:
    """Raises `ExpectationError`."""
    if len(texts) > RULES_MAX:
        raise ExpectationError(texts[RULES_MAX], f"no more than {RULES_MAX} rules")
    return [Expectation.parse(text) for text in texts]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
