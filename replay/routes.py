"""/v1/replays: the steps of a replay over HTTP, for whoever operates the store.

Long steps are begun here and done elsewhere: the answer is 202, and the replay tells the rest. What
an HTTP API knows (who asks, how a body is read, what a refusal looks like) is handed in.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query, Request, Response, Security
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from replay.diff.report import html_report
from replay.operations import Caller, Edge, Operations
from replay.route_bodies import (
    PLAN_EXAMPLE,
    STEP_BODIES,
    STEP_EXAMPLES,
    DiffAnswer,
    PlanAnswer,
    PlanBody,
    ReceiptAnswer,
    ReplayAnswer,
    ReplayList,
    StepAnswer,
)
from replay.steps import StepName

PREFIX = "/v1/replays"
TAG = {
    "name": "replays",
    "description": "Versions of read models built anew, compared and switched to; for operators.",
}
RETRY_SECONDS = 1
LIST_MAX = 100
HTML, JSON = "text/html", "application/json"
WORDS: Mapping[StepName, tuple[str, str]] = {
    "run": (
        "Build the planned versions",
        "Up to the head of the log, beside those that answer; goes on where an earlier run ended.",
    ),
    "diff": (
        "Compare them with those that answer",
        "Cell by cell; what no rule of `expect` covers is a surprise. Read it under /diff.",
    ),
    "promote": (
        "Let them answer, in all stores at one point",
        "Refused (409) while there are surprises, unless they are accepted with a reason.",
    ),
    "rollback": (
        "Let the versions from before answer again",
        "Takes some two seconds while they are kept.",
    ),
    "retire": (
        "Drop the versions that do not answer",
        "There is no way back to them.",
    ),
    "cancel": (
        "Give the replay up",
        "Whoever works on it stops, and what it has built is dropped. What is read stays.",
    ),
}


def replay_routes(edge: Edge, operations: Callable[[], Operations]) -> APIRouter:
    """Every operation; each wants the operator's scope. `operations` may block, as they may."""
    router, page = APIRouter(tags=["replays"]), APIRouter(prefix=PREFIX)
    json_only = APIRouter(prefix=PREFIX, dependencies=[Depends(edge.json_is_accepted)])
    _add_plan(json_only, edge, operations)
    _add_reads(json_only, edge, operations)
    for step in STEP_BODIES:
        _add_step(json_only, edge, operations, step)
    _add_diff(page, edge, operations)
    router.include_router(json_only)
    router.include_router(page)
    return router


def _add_plan(router: APIRouter, edge: Edge, operations: Callable[[], Operations]) -> None:
    operator = Security(edge.authenticate, scopes=[edge.scope])
    location = {"Location": {"schema": {"type": "string"}, "description": "The replay."}}

    @router.post(
        "",
        operation_id="plan_replay",
        summary="Say what a replay takes, and make it ready to run",
        dependencies=[operator],
        responses={
            200: {"model": PlanAnswer, "description": "Said; nothing was made."},
            201: {
                "model": ReplayAnswer,
                "description": "Made: its versions are there, with nothing in them.",
                "headers": location,
            },
            **edge.problems(400, 401, 403, 406, 409, 413, 415, 422, 503),
        },
        openapi_extra=_body(PlanBody, PLAN_EXAMPLE),
    )
    async def plan_replay(request: Request) -> Response:
        """What changed is derived from the code, or given by hand. One replay of a read model is
        open at a time: sent again after an answer was lost, it is refused (409) and nothing is made
        twice; `replay_id` of the refusal is the one that is there.
        """
        body = await edge.read(request, PlanBody)
        found = await run_sync(lambda: operations().plan(body))
        if found["replay_id"] is None:
            return _json(found)
        return _json(found, status=201, headers={"Location": _address(found["replay_id"])})


def _add_reads(router: APIRouter, edge: Edge, operations: Callable[[], Operations]) -> None:
    operator = Security(edge.authenticate, scopes=[edge.scope])

    @router.get(
        "",
        operation_id="list_replays",
        summary="The latest replays",
        dependencies=[operator],
        responses={200: {"model": ReplayList}, **edge.problems(401, 403, 406, 422, 503)},
    )
    def list_replays(limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = 20) -> Response:
        """The latest first, with their states."""
        return _json({"replays": operations().listed(limit)})

    @router.get(
        "/{replay_id}",
        operation_id="read_replay",
        summary="How far a replay is",
        dependencies=[operator],
        responses={
            200: {
                "model": ReplayAnswer,
                "headers": {"ETag": {"schema": {"type": "string"}, "description": "Of the bytes."}},
            },
            304: {"description": "Nothing has changed since If-None-Match."},
            **edge.problems(401, 403, 404, 406, 422, 503),
        },
    )
    def read_replay(
        replay_id: UUID, if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """Progress per read model, store and shard, rate and seconds left while it is built; then
        what each step found. `step` is null when no living process works on it: then a step may be
        posted again, and goes on where the last one ended.
        """
        body = orjson.dumps(operations().shown(replay_id))
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if if_none_match is not None and _is_named(tag, if_none_match):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=JSON, headers=headers)

    @router.get(
        "/{replay_id}/receipt",
        operation_id="read_replay_receipt",
        summary="The receipts of its promotions, checked",
        dependencies=[operator],
        responses={200: {"model": ReceiptAnswer}, **edge.problems(401, 403, 404, 406, 422, 503)},
    )
    def read_replay_receipt(replay_id: UUID) -> Response:
        """Hash, signature, root, chain and events of each are checked now; `faults` names what
        does not hold.
        """
        return _json(operations().receipt(replay_id))


def _add_diff(router: APIRouter, edge: Edge, operations: Callable[[], Operations]) -> None:
    operator = Security(edge.authenticate, scopes=[edge.scope])

    @router.get(
        "/{replay_id}/diff",
        operation_id="read_replay_diff",
        summary="What it would change, and why",
        dependencies=[operator],
        responses={
            200: {"model": DiffAnswer, "content": {HTML: {"schema": {"type": "string"}}}},
            **edge.problems(401, 403, 404, 406, 422, 503),
        },
    )
    async def read_replay_diff(request: Request, replay_id: UUID) -> Response:
        """Differences by cause, with examples that name the events. To those who accept text/html
        and not JSON, the report for people.
        """
        accepted = request.headers.get("accept", "")
        is_page = HTML in accepted and JSON not in accepted
        if not is_page:
            await edge.json_is_accepted(request)
        found = await run_sync(lambda: operations().diff(replay_id))
        if is_page:
            return HTMLResponse(html_report(str(replay_id), found))
        return _json(found)


def _add_step(
    router: APIRouter, edge: Edge, operations: Callable[[], Operations], step: StepName
) -> None:
    model = STEP_BODIES[step]
    summary, description = WORDS[step]

    async def begin(
        request: Request,
        replay_id: UUID,
        caller: Annotated[Caller, Security(edge.authenticate, scopes=[edge.scope])],
    ) -> Response:
        body = await edge.read(request, model)
        await run_sync(lambda: operations().begin(step, replay_id, body, caller.actor))
        headers = {"Location": _address(replay_id), "Retry-After": str(RETRY_SECONDS)}
        return _json({"replay_id": str(replay_id), "step": step}, status=202, headers=headers)

    router.add_api_route(
        f"/{{replay_id}}/{step}",
        begin,
        methods=["POST"],
        operation_id=f"{step}_replay",
        summary=summary,
        description=f"{description} Done by a process of its own: the replay tells how it ends.",
        response_class=Response,
        status_code=202,
        responses={
            202: {
                "model": StepAnswer,
                "description": "Under way, by this request or the same one before it.",
                "headers": {
                    "Location": {"schema": {"type": "string"}, "description": "The replay."},
                    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
                },
            },
            **edge.problems(400, 401, 403, 404, 406, 409, 413, 415, 422, 503),
        },
        openapi_extra=_body(model, STEP_EXAMPLES[step]),
    )


def _body(model: type[BaseModel], example: Mapping[str, object]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    nested = schema.pop("$defs", {})
    for name, each in schema.get("properties", {}).items():
        schema["properties"][name] = _resolved(each, nested)
    content = {JSON: {"schema": schema, "example": dict(example)}}
    return {"requestBody": {"required": False, "content": content}}


def _resolved(schema: dict[str, Any], nested: Mapping[str, Any]) -> dict[str, Any]:
    """With the one model that it refers to in its place."""
    named = schema.get("$ref", "").rpartition("/")[2]
    rest = {key: value for key, value in schema.items() if key != "$ref"}
    return {**nested[named], **rest} if named else schema


def _json(
    found: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(orjson.dumps(found), status, dict(headers or {}), media_type=JSON)


def _address(replay_id: object) -> str:
    return f"{PREFIX}/{replay_id}"


def _is_named(tag: str, header: str) -> bool:
    """As RFC 9110 compares for a cache: weakly, `*` being any."""
    named = {each.strip().removeprefix("W/") for each in header.split(",")}
    return tag in named or "*" in named
