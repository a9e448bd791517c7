"""Puts the console under /console. NiceGUI keeps its pages per process: mount it once."""

from collections.abc import Awaitable, Callable

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from nicegui import ui

from api.authentication import KeyAuthentication
from api.console import order_pages, overview_page, read_models_page, stock_pages
from api.console.access import HOME, LOGIN, MOUNT, login_routes, visitor
from api.console.figures import Figures
from api.console.frame import Visit
from api.problems import Problem
from api.read_side import Ask

Show = Callable[[Visit], Awaitable[None]]
BUILD_SECONDS_MAX = 10.0


def mount_console(app: FastAPI, *, keys: KeyAuthentication, figures: Figures) -> None:
    """Add the console's pages to the application. No key, no data: every page asks who it is."""
    app.include_router(login_routes(keys))

    async def visit(request: Request, show: Show) -> Response | None:
        principal = await visitor(keys, request.cookies)
        if principal is None:
            return RedirectResponse(LOGIN)
        ledger_name = request.query_params.get("ledger", "main")
        ask = Ask(principal=principal, ledger_name=ledger_name, min_position=0)
        try:
            ledgers = await run_sync(figures.ledgers, ask)
        except Problem:
            return RedirectResponse(HOME)
        visiting = Visit(
            keys=keys,
            cookies=request.cookies,
            principal=principal,
            ledger_name=ledger_name,
            ledgers=ledgers,
        )
        await show(visiting)
        return None

    def page(path: str, title: str) -> ui.page:
        return ui.page(path, title=f"{title} · Backstock", response_timeout=BUILD_SECONDS_MAX)

    @page("/", "Overview")
    async def overview(request: Request) -> Response | None:
        return await visit(request, lambda visiting: overview_page.show(visiting, figures))

    @page("/stock", "Stock")
    async def stock(request: Request) -> Response | None:
        return await visit(request, lambda visiting: stock_pages.show_search(visiting, figures))

    @page("/items/{sku:path}", "Item")
    async def item(request: Request, sku: str) -> Response | None:
        return await visit(request, lambda visiting: stock_pages.show_item(visiting, figures, sku))

    @page("/orders", "Orders")
    async def orders(request: Request) -> Response | None:
        return await visit(request, lambda visiting: order_pages.show_list(visiting, figures))

    @page("/orders/{order_id:path}", "Order")
    async def order(request: Request, order_id: str) -> Response | None:
        return await visit(
            request, lambda visiting: order_pages.show_order(visiting, figures, order_id)
        )

    @page("/read-models", "Read models")
    async def read_models(request: Request) -> Response | None:
        return await visit(request, lambda visiting: read_models_page.show(visiting, figures))

    ui.run_with(
        app,
        mount_path=MOUNT,
        title="Backstock",
        dark=None,
        show_welcome_message=False,
        binding_refresh_interval=None,  # Nothing is bound: refreshes set what changed.
    )
