"""What the lines of a document's commands have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from commands.fields import LineNumber


class NumberedLine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    line: LineNumber


class Numbered(Protocol):
    @property
    def line(self) -> int: ...


def check_numbers(lines: Iterable[Numbered]) -> None:
    """Raises PydanticCustomError for a number that stands twice."""
    seen: set[int] = set()
    for each in lines:
        if each.line in seen:
            raise PydanticCustomError(
                "line_repeated",
                "line {line} stands twice: number each line once",
                {"line": each.line},
            )
        seen.add(each.line)
