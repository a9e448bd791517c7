"""The operations of replay in the HTTP API: what the one knows is handed to the other here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import orjson
from fastapi import FastAPI, Request
from pydantic import ValidationError

from api.answer_schemas import problem_responses
from api.authentication import OPERATE, KeyAuthentication
from api.problems import FieldError, Problem, invalid
from api.requests import authenticator, json_is_accepted, read_body
from api.strict_json import MalformedJsonError, pointer, read
from commands.complaints import complaints
from ops.stores import Stores
from replay.operations import Body, Edge, Operations
from replay.routes import TAG, replay_routes

if TYPE_CHECKING:
    from ops.replay_operations import ReplayOperations

NO_BODY = "0"
WRONG = "Some fields are wrong; nothing was done."


@contextmanager
def replays_in(app: FastAPI, keys: KeyAuthentication, stores: Stores) -> Iterator[None]:
    """Add the routes. Connections are opened when the first of them is asked, and closed at the
    end of the block.
    """
    with ExitStack() as opened:
        mount(app, keys, OnDemand(stores, opened))
        yield


def mount(app: FastAPI, keys: KeyAuthentication, operations: OnDemand) -> None:
    """Add the routes to an application that serves nobody yet."""
    edge = Edge(
        authenticate=authenticator(keys),
        scope=OPERATE,
        json_is_accepted=json_is_accepted,
        read=read_model,
        problems=problem_responses,
    )
    app.openapi_tags = [*(app.openapi_tags or ()), TAG]
    app.include_router(replay_routes(edge, operations))


class OnDemand:
    """The operations, whose libraries and connections most API processes never need."""

    def __init__(self, stores: Stores, opened: ExitStack) -> None:
        self._stores = stores
        self._opened = opened
        self._lock = Lock()
        self._operations: ReplayOperations | None = None

    def __call__(self) -> Operations:
        """Blocks at the first call. Raises `LogUnavailableError`."""
        with self._lock:
            if self._operations is None:
                from ops.replay_operations import ReplayOperations
                from ops.replaying import replaying

                around = self._opened.enter_context(replaying(self._stores))
                self._operations = ReplayOperations(around)
            return self._operations


async def read_model(request: Request, model: type[Body]) -> Body:
    """The body as the API reads every body: JSON without a doubt in it. Raises `Problem`."""
    headers = request.headers
    if headers.get("content-length", NO_BODY) == NO_BODY and "transfer-encoding" not in headers:
        return model()
    try:
        document = read(await read_body(request))
    except MalformedJsonError as wrong:
        raise Problem("malformed_json", wrong.detail) from None
    flaws = [FieldError(pointer=pointer(each.path), detail=each.detail) for each in document.flaws]
    if flaws:
        raise invalid(WRONG, *flaws)
    try:
        return model.model_validate_json(orjson.dumps(document.value))
    except ValidationError as error:
        told = (FieldError(pointer=each.pointer, detail=each.detail) for each in complaints(error))
        raise invalid(WRONG, *told) from None
