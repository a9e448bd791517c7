"""The application: routes, problems, documentation, and an orderly end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import run_sync
from fastapi import Depends, FastAPI

from api import openapi
from api.deps import Deps
from api.headers import PlainHeaders
from api.metrics import CountRequests
from api.operator_routes import operator_routes
from api.problem_routes import problem_routes
from api.problems import add_problem_handlers
from api.read_routes.analytics import analytics_routes
from api.read_routes.answers import answer_routes
from api.read_routes.availability import availability_routes
from api.read_routes.documents import document_routes
from api.read_routes.items import item_routes
from api.read_routes.lots import lot_routes
from api.read_routes.movements import movement_routes
from api.read_routes.orders import order_routes
from api.read_routes.read_models import read_model_routes
from api.read_routes.ship_to import ship_to_routes
from api.read_routes.stock import stock_routes
from api.requests import authenticator, json_is_accepted
from api.webhook_routes import webhook_routes
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
        docs_url=None,
        redoc_url=None,
        title=openapi.TITLE,
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
    )
    app.add_middleware(CountRequests, metrics=deps.metrics)
    app.add_middleware(PlainHeaders)
    add_problem_handlers(app)
    authenticate = authenticator(deps.keys)
    reads = deps.read_side
    for router in (
        write_routes(deps.write_side, authenticate),
        webhook_routes(deps.write_side, deps.webhooks, clock=deps.clock),
        answer_routes(reads, authenticate),
        item_routes(reads, authenticate),
        stock_routes(reads, authenticate),
        availability_routes(reads, authenticate),
        order_routes(reads, authenticate),
        ship_to_routes(reads, authenticate),
        document_routes(reads, authenticate),
        lot_routes(reads, authenticate),
        movement_routes(reads, authenticate),
        analytics_routes(reads, authenticate),
        read_model_routes(reads, authenticate),
    ):
        app.include_router(router, dependencies=[Depends(json_is_accepted)])
    app.include_router(
        operator_routes(deps.parts, deps.metrics, metrics_token=deps.settings.metrics_token)
    )
    app.include_router(problem_routes())
    if deps.settings.console:
        _mount_console(app, deps)
    openapi.add_documentation(app)
    app.openapi = openapi.describer(app)  # type: ignore[method-assign] # FastAPI's documented way
    return app


def _mount_console(app: FastAPI, deps: Deps) -> None:
    # Its library takes seconds to import and keeps state per process: only who serves it pays.
    from api.console.figures import Figures  # noqa: PLC0415
    from api.console.mount import mount_console  # noqa: PLC0415

    mount_console(app, keys=deps.keys, figures=Figures(deps.read_side, clock=deps.clock))
