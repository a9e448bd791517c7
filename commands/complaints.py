"""What is wrong with a command's fields, in sentences that name the remedy."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from commands.messages import COMMAND_TYPES
from commands.remedies import remedy_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One wrong field. `pointer` is a JSON pointer inside the command; "" is the whole of it."""

    pointer: str
    detail: str


def complaints(error: ValidationError) -> list[Complaint]:
    """Every wrong field of one command, in the order of its fields."""
    return [
        Complaint(pointer=_pointer(each["loc"]), detail=remedy_of(each["type"], each))
        for each in error.errors(include_url=False, include_input=False)
    ]


def _pointer(loc: tuple[int | str, ...]) -> str:
    # The union's tag is a step of pydantic's path, not of the document.
    path = loc[1:] if loc and loc[0] in COMMAND_TYPES else loc
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
