"""Why a count was not planned, entered or submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCount(Refusal):
    code: ClassVar[str] = "unknown_count"
    count_id: str

    def sentence(self) -> str:
        return f"There is no count {self.count_id}; plan it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPlanExists(Refusal):
    code: ClassVar[str] = "count_plan_exists"
    count_id: str

    def sentence(self) -> str:
        return f"Count {self.count_id} was planned already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class CountState(Refusal):
    """The count is in a state from which this does not follow; `wanted` is what was asked for."""

    code: ClassVar[str] = "count_state"
    count_id: str
    status: str
    wanted: str

    def sentence(self) -> str:
        return f"Count {self.count_id} is {self.status} and cannot be {self.wanted}."


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLinesWrong(Refusal):
    """Nothing was entered. `wrong` says of each wrong line what is wrong with it."""

    code: ClassVar[str] = "count_lines_wrong"
    count_id: str
    lines: int
    wrong_lines: int
    wrong: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"{self.wrong_lines} of {self.lines} lines of count {self.count_id} are wrong and "
            "nothing was entered; put right those that are named and send all again."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLineInvalid(Refusal):
    """A line that cannot be read. `line` is its number, or its place when it tells none."""

    code: ClassVar[str] = "count_line_invalid"
    line: int
    pointer: str
    problem: str

    def sentence(self) -> str:
        return f"Line {self.line} at {self.pointer} cannot be read: {self.problem}."


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLineRepeated(Refusal):
    code: ClassVar[str] = "count_line_repeated"
    line: int
    sku: str

    def sentence(self) -> str:
        return f"Line {self.line} of {self.sku} has a number that is taken; number each line once."


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedAlready(Refusal):
    """One SKU is one line of a count."""

    code: ClassVar[str] = "counted_already"
    line: int
    sku: str

    def sentence(self) -> str:
        return (
            f"Line {self.line} enters {self.sku} a second time; give it once, or ask a recount of "
            "what stands there."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInCount(Refusal):
    code: ClassVar[str] = "not_in_count"
    line: int
    sku: str

    def sentence(self) -> str:
        return (
            f"Line {self.line} enters {self.sku}, which the plan leaves out; leave the line out, "
            "or count it with count_stock."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCounted(Refusal):
    """There is nothing to count again."""

    code: ClassVar[str] = "not_counted"
    count_id: str
    sku: str
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Item {self.sku} was not entered in count {self.count_id}; enter it."


@dataclass(frozen=True, slots=True, kw_only=True)
class RecountOpen(Refusal):
    code: ClassVar[str] = "recount_open"
    count_id: str
    open_skus: int
    skus: tuple[str, ...] = ()

    def sentence(self) -> str:
        return (
            f"{self.open_skus} of count {self.count_id} are to be counted again; enter them first."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountIncomplete(Refusal):
    code: ClassVar[str] = "count_incomplete"
    count_id: str
    uncounted: int
    skus: tuple[str, ...] = ()

    def sentence(self) -> str:
        return (
            f"{self.uncounted} of the SKUs planned in count {self.count_id} were not entered; "
            "enter them, or submit with accept_uncounted to leave them as they are."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountInParts(Refusal):
    """More than one append takes. Sent by itself, submit_count is done part by part."""

    code: ClassVar[str] = "count_in_parts"
    count_id: str
    lines: int
    lines_max: int

    def sentence(self) -> str:
        return (
            f"Count {self.count_id} has {self.lines} lines to post and a bulk takes "
            f"{self.lines_max}; send submit_count to its own address."
        )
