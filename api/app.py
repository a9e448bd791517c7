"""The application: routes, problems, documentation, and an orderly end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, FastAPI

from api import openapi
from api.deps import Deps
from api.metrics import CountRequests
from api.operator_routes import operator_routes
from api.problem_routes import problem_routes
from api.problems import add_problem_handlers
from api.requests import authenticator, json_is_accepted
from api.write_routes import write_routes


def create_app(deps: Deps) -> FastAPI:
    """The HTTP API over what `deps` holds. Run it in one event loop; its end closes `deps`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            # What was taken is answered before anything is closed.
            await deps.write_side.group_commit.close()
            await run_sync(deps.close)

    app = FastAPI(
        title=openapi.TITLE,
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        redoc_url=None,
    )
    app.add_middleware(CountRequests, metrics=deps.metrics)
    add_problem_handlers(app)
    authenticate = authenticator(deps.keys)
    for router in (write_routes(deps.write_side, authenticate),):
        _json_only(app, router)
    app.include_router(
        operator_routes(deps.parts, deps.metrics, metrics_token=deps.settings.metrics_token)
    )
    app.include_router(problem_routes())
    app.openapi = openapi.describer(app)  # type: ignore[method-assign] # FastAPI's documented way
    return app


def _json_only(app: FastAPI, router: APIRouter) -> None:
    app.include_router(router, dependencies=[Depends(json_is_accepted)])
