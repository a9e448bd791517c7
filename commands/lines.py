"""What the lines of a document's commands have in common."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from commands.fields import LineNumber


class NumberedLine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    line: LineNumber


def check_numbers(lines: Sequence[NumberedLine]) -> None:
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
