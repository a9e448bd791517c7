"""POST /v1/commands: the only addresses that change anything."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Request, Response, Security

from api import command_schemas
from api.authentication import WRITE, Principal
from api.command_answers import bulk_response, single_response
from api.command_bodies import read_bulk_carefully, read_bulk_quickly, read_command
from api.problems import Problem
from api.requests import Authenticate, read_body, traced, unquoted_key, wanted_version
from api.write_side import WriteSide
from commands.messages import COMMAND_TYPES

BODY_AT_ONCE_MAX = 65_536  # A larger body is read off the event loop.
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="The command's key, unless the body has it: your name for this request, unique "
        "in the ledger for ever. Sent again, it gets the same answer."
    ),
]
IfMatch = Annotated[
    str | None, Header(description="Refuse (412) unless the command's stream is at this version.")
]


def write_routes(write_side: WriteSide, authenticate: Authenticate) -> APIRouter:
    """One address for bulks, one for each type of command."""
    router = APIRouter(prefix="/v1/commands", tags=["commands"])

    @router.post(
        "",
        operation_id="submit_commands",
        summary="Send commands in bulk",
        responses=command_schemas.BULK_RESPONSES,
        openapi_extra=command_schemas.BULK_BODY,
    )
    async def submit_commands(
        request: Request, principal: Annotated[Principal, Security(authenticate, scopes=[WRITE])]
    ) -> Response:
        """Up to 10,000 commands in one request; every line gets its own answer, in order.

        `independent` (the default): each line stands for itself, a malformed one too. `atomic`: all
        lines or none, of one ledger; then a refused line keeps its answer under its key, as ever,
        and the keys of the lines that were not applied stay free.
        """
        correlation_id, traceparent = traced(request)
        body = await read_body(request)
        bulk = read_bulk_quickly(body)
        if bulk is None:
            bulk = await run_sync(read_bulk_carefully, body)
        submissions = await write_side.submissions(
            principal,
            [each for each in bulk.commands if each is not None],
            correlation_id=correlation_id,
            traceparent=traceparent,
        )
        answers = await write_side.submit(submissions, bulk.mode)
        return bulk_response(bulk, submissions, answers, write_side.positions)

    for type_name, model in COMMAND_TYPES.items():
        router.add_api_route(
            f"/{type_name}",
            _single(type_name, write_side, authenticate),
            methods=["POST"],
            operation_id=type_name,
            summary=type_name.replace("_", " ").capitalize(),
            description=model.__doc__,
            responses=command_schemas.SINGLE_RESPONSES,
            openapi_extra=command_schemas.single_body(type_name),
        )

    router.add_api_route(
        "/{type_name}",
        _refuse_unknown,
        methods=["POST"],
        dependencies=[Security(authenticate, scopes=[WRITE])],
        include_in_schema=False,
    )
    return router


async def _refuse_unknown() -> Response:
    raise Problem("unknown_command", f"The commands are: {', '.join(COMMAND_TYPES)}.")


def _single(
    type_name: str, write_side: WriteSide, authenticate: Authenticate
) -> Callable[..., Awaitable[Response]]:
    async def submit_command(
        request: Request,
        principal: Annotated[Principal, Security(authenticate, scopes=[WRITE])],
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        correlation_id, traceparent = traced(request)
        key, version = unquoted_key(idempotency_key), wanted_version(if_match)
        body = await read_body(request)
        reading = partial(read_command, body, type_name, key=key, version=version)
        command = await run_sync(reading) if len(body) > BODY_AT_ONCE_MAX else reading()
        submissions = await write_side.submissions(
            principal, [command], correlation_id=correlation_id, traceparent=traceparent
        )
        (answer,) = await write_side.submit(submissions, "independent")
        token = write_side.positions.token(
            principal.tenant,
            {} if answer.last_position is None else {command.ledger: answer.last_position},
        )
        return single_response(answer, token)

    return submit_command
