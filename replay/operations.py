"""What the HTTP routes of replay are handed: the API they stand in, and what they set going."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from replay.route_bodies import PlanBody, StepBody
from replay.steps import StepName

Body = TypeVar("Body", bound=BaseModel)


class Caller(Protocol):
    """Who asks; `actor` is opaque."""

    @property
    def actor(self) -> str: ...


class ReadBody(Protocol):
    """The body of a request; one without a body is an empty object. Raises what the API tells."""

    async def __call__(self, request: Request, model: type[Body]) -> Body: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What the API is that these routes stand in. `authenticate` wants `scope` of the caller."""

    authenticate: Callable[..., Awaitable[Caller]]
    scope: str
    json_is_accepted: Callable[[Request], Awaitable[None]]
    read: ReadBody
    problems: Callable[..., dict[int | str, dict[str, Any]]]


class Operations(Protocol):
    """What is done; each call raises what the API tells. They block: they run in threads."""

    def plan(self, body: PlanBody) -> dict[str, Any]:
        """The replay that was made, or a plan whose `replay_id` is None. Some seconds."""

    def listed(self, limit: int) -> list[dict[str, Any]]:
        """As `ReplayEntry`."""

    def shown(self, replay_id: UUID) -> dict[str, Any]:
        """As `ReplayAnswer`."""

    def begin(self, step: StepName, replay_id: UUID, body: StepBody, actor: str) -> None:
        """Start it in a process of its own; the same step under way already is as good."""

    def diff(self, replay_id: UUID) -> dict[str, Any]:
        """As `DiffAnswer`."""

    def receipt(self, replay_id: UUID) -> dict[str, Any]:
        """As `ReceiptAnswer`."""
