"""What answers have in common in the OpenAPI document: problems, and `as_of`."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeAlias

from pydantic import BaseModel, Field

from api.problems import PROBLEM_JSON

JsonSchema: TypeAlias = dict[str, Any]
Responses: TypeAlias = dict[int | str, dict[str, Any]]
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}


class WrongField(BaseModel):
    """`pointer`: a JSON pointer into the body, or `query/…`, `path/…`, `header/…`."""

    pointer: str = Field(examples=["/lines/0/quantity"])
    detail: str = Field(examples=["write a number of at least 1"])


class Problem(BaseModel, extra="allow"):
    """Why not (RFC 9457). Match on `code`; a command's refusal adds `outcome` and `refusal`."""

    type: str = Field(examples=["/problems/invalid"])
    title: str = Field(examples=["Some fields are wrong"])
    status: int = Field(examples=[422])
    detail: str
    code: str = Field(examples=["invalid"])
    errors: list[WrongField] | None = None


class AsOf(BaseModel):
    """What an answer is true for: the read model's position in the ledger, and when that was."""

    ledger: str = Field(description="The ledger's short name.")
    position: int = Field(description="The last ledger position the answer shows.")
    recorded_at: datetime | None = Field(description="When that was recorded; null before any.")
    age_seconds: float = Field(
        description="For how long there have been events that it does not show; 0 when none."
    )
    read_model: str
    version: int = Field(description="The read model's version.")
    generation: int = Field(
        description="Goes up when rebuilt versions take over, and never down again."
    )


def problem_responses(*statuses: int) -> Responses:
    """Entries for `responses=` of a route, one for each status that its problems can have."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_JSON: {"schema": PROBLEM_REF}},
        }
        for status in statuses
    }


class Stale(BaseModel):
    """A stream that the read model could not follow: what it says of it is older than `as_of`."""

    stream: str = Field(examples=["stock-CHAIR-RED@london"])
    position: int = Field(description="The event that could not be applied, and all after it.")
    reason: str


class Answered(BaseModel):
    """Every answer to a question."""

    as_of: AsOf
    stale: list[Stale] = Field(description="Those of the answer's streams that stand still.")


class Page(Answered):
    """Every answer that is a list."""

    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")


READ_PROBLEMS: Responses = problem_responses(400, 401, 403, 404, 406, 422, 503, 504)
