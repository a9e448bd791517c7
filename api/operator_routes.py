"""For those who run it: /livez, /readyz, /metrics. No tenant's data, no API key."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from anyio import create_task_group
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api.answer_schemas import problem_responses
from api.metrics import Metrics
from api.problems import Problem

LOCAL = frozenset({"127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCheck:
    """`check` returns when the part works and raises when not, within a few seconds.

    Without a `required` part nothing can be answered; without another, some reads cannot.
    """

    name: str
    required: bool
    check: Callable[[], object]


class Alive(BaseModel):
    """The process answers; says nothing of the parts."""

    status: Literal["alive"] = "alive"


class PartState(BaseModel):
    state: Literal["up", "down"]
    required: bool
    error: str | None = None


class Ready(BaseModel):
    """`ready`: all is well. `degraded`: some reads are not. `down`: nothing is."""

    status: Literal["ready", "degraded", "down"]
    parts: dict[str, PartState]


def operator_routes(
    parts: Sequence[PartCheck], metrics: Metrics, *, metrics_token: str | None
) -> APIRouter:
    """`metrics_token`: who shows it may scrape; None: this machine may."""
    router = APIRouter(tags=["operation"])

    @router.get("/livez", operation_id="livez", summary="Is the process alive?")
    async def livez() -> Alive:
        """Asks no other part: to be restarted is no remedy for a store that is down."""
        return Alive()

    @router.get(
        "/readyz",
        operation_id="readyz",
        summary="Can requests be answered?",
        responses={503: {"model": Ready, "description": "A part that everything needs is down."}},
    )
    async def readyz(response: Response) -> Ready:
        """Every part and the migrations, asked now. 503 when a required part is down."""
        found: dict[str, PartState] = {}
        async with create_task_group() as group:
            for part in parts:
                group.start_soon(_ask, part, found)
        ordered = {part.name: found[part.name] for part in parts}
        down = [each for each in ordered.values() if each.state == "down"]
        if any(each.required for each in down):
            response.status_code = 503
            return Ready(status="down", parts=ordered)
        return Ready(status="degraded" if down else "ready", parts=ordered)

    @router.get(
        "/metrics",
        operation_id="metrics",
        summary="Numbers for Prometheus",
        responses=problem_responses(403),
    )
    def read_metrics(request: Request) -> Response:
        """Of this process, and of the whole store: for its operator, not for tenants."""
        if metrics_token is None:
            allowed = request.client is not None and request.client.host in LOCAL
        else:
            shown = request.headers.get("authorization", "").removeprefix("Bearer ")
            allowed = hmac.compare_digest(shown.encode(), metrics_token.encode())
        if not allowed:
            raise Problem("forbidden", "Metrics are for this machine or a metrics token.")
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def _ask(part: PartCheck, found: dict[str, PartState]) -> None:
    try:
        await run_sync(part.check)
    except Exception as error:  # noqa: BLE001 # whatever it is, it is this part's state
        found[part.name] = PartState(
            state="down", required=part.required, error=type(error).__name__
        )
    else:
        found[part.name] = PartState(state="up", required=part.required)
