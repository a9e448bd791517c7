"""Commands about counts of many SKUs: planned, entered blind, counted again, submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from commands.fields import Id, Level, LineNumber, Note
from commands.lot_fields import LotFields
from commands.message import Message
from commands.remedies import remedy_of
from domain.counting import COUNT_LINES_MAX, POSTED_AT_ONCE_MAX
from domain.refusals_counts import CountLineInvalid

EVENTS_PER_POSTED_LINE = 2  # The count itself, and now and then a shortfall or a discrepancy.
SKUS = Annotated[tuple[Id, ...], Field(max_length=COUNT_LINES_MAX)]


class CountedLine(LotFields):
    """What was there, of one SKU; of an item that is tracked with all its lots or serials."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    line: Annotated[LineNumber, Field(description="The line's number on the count sheet.")]
    sku: Id
    counted: Level


class UnreadableLine(BaseModel):
    """A line that is none: kept, so that one answer tells what is wrong with every line."""

    model_config = ConfigDict(frozen=True)

    line: int | None
    problems: tuple[tuple[str, str], ...]
    given: str

    def told(self, index: int) -> CountLineInvalid:
        """`index` is the line's place, from 0."""
        return CountLineInvalid(
            line=index + 1 if self.line is None else self.line,
            pointer=f"/lines/{index}{self.problems[0][0]}",
            problem="; ".join(
                f"{field[1:]}: {told}" if field else told for field, told in self.problems
            ),
        )


def _read_line(value: Any, read: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - any JSON
    try:
        return read(value)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        number = value.get("line") if isinstance(value, dict) else None
        return UnreadableLine(
            line=number if type(number) is int else None,
            problems=tuple(
                ("".join(f"/{step}" for step in each["loc"]), remedy_of(each["type"], each))
                for each in told
            ),
            given=repr(value),
        )


def _spelled(line: CountedLine | UnreadableLine) -> str:
    # Ten times as fast as the validator's own way, for which no id can hold a space.
    if isinstance(line, UnreadableLine):
        return line.given
    if line.lots or line.serials:
        return line.model_dump_json()
    return f"{line.line} {line.sku} {line.counted}"


class PlanCount(Message):
    """Say what is to be counted at a location: SKUs, categories, or with neither everything."""

    type_name: ClassVar = "plan_count"

    type: Literal["plan_count"]
    count_id: Id
    location: Id
    skus: SKUS = ()
    categories: Annotated[tuple[Note, ...], Field(max_length=100)] = ()
    note: Note = ""

    def estimated_events(self) -> int:
        return 1 + len(self.skus) // LINES_PER_EVENT_OF_WORK


class EnterCount(Message):
    """Enter what was counted, up to 20,000 lines, all or none. What was expected is never told.

    Whatever is wrong with any line is told in one refusal, by line.
    """

    type_name: ClassVar = "enter_count"

    type: Literal["enter_count"]
    count_id: Id
    lines: Annotated[
        tuple[Annotated[CountedLine, WrapValidator(_read_line)], ...],
        Field(min_length=1, max_length=COUNT_LINES_MAX),
    ]

    @property
    def sound(self) -> Sequence[CountedLine]:
        return [line for line in self._read if isinstance(line, CountedLine)]

    @property
    def unreadable(self) -> Sequence[CountLineInvalid]:
        return [
            line.told(index)
            for index, line in enumerate(self._read)
            if isinstance(line, UnreadableLine)
        ]

    @property
    def _read(self) -> tuple[CountedLine | UnreadableLine, ...]:
        return self.lines

    def estimated_events(self) -> int:
        return 1 + len(self.lines) // LINES_PER_EVENT_OF_WORK

    def body(self) -> str:
        head = self.model_dump_json(exclude={"key", "lines"}, exclude_defaults=True)
        return "\n".join([head, *map(_spelled, self._read)])


class AskRecount(Message):
    """What was entered for these SKUs counts no more until it is entered anew."""

    type_name: ClassVar = "ask_recount"

    type: Literal["ask_recount"]
    count_id: Id
    skus: Annotated[SKUS, Field(min_length=1)]
    reason: Note = ""


class _Submitted(Message):
    count_id: Id
    accept_uncounted: Annotated[
        bool, Field(strict=True, description="Leave what was planned and not entered as it is.")
    ] = False

    @model_validator(mode="after")
    def no_version_is_expected(self) -> Self:
        if self.expected_version is not None:
            raise PydanticCustomError(
                "version", "leave expected_version out: a large count takes several appends"
            )
        return self

    def estimated_events(self) -> int:
        return EVENTS_PER_POSTED_LINE * POSTED_AT_ONCE_MAX


class SubmitCount(_Submitted):
    """Make every line a count of its stock, dated when it was entered, and close the count.

    A count of more than 2,000 lines is done in parts, one append each. When the answer is lost in
    between, the same key goes on where it stopped: no line is counted twice, and none is left out.
    """

    type_name: ClassVar = "submit_count"

    type: Literal["submit_count"]


class PostCountPart(_Submitted):
    """One part of a large count. No client sends it: it is made of a `submit_count`, or by the
    process that finishes one whose submitter died.
    """

    type_name: ClassVar = "post_count_part"

    type: Literal["post_count_part"]


class CancelCount(Message):
    """Give a count up. Refused once a line of it is posted."""

    type_name: ClassVar = "cancel_count"

    type: Literal["cancel_count"]
    count_id: Id
    reason: Note = ""


# Checking a line costs about a tenth of writing an event.
LINES_PER_EVENT_OF_WORK = 10
