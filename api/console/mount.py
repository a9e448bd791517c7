"""Puts the console under /console. NiceGUI keeps its pages per process: mount it once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

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

Show = Callable[[Visit, Figures], Awaitable[None]]
BUILD_SECONDS_MAX = 10.0


def mount_console(app: FastAPI, *, keys: KeyAuthentication, figures: Figures) -> None:
    """Add the console's pages to the application. No key, no data: every page asks who it is."""
    app.include_router(login_routes(keys))
    _add_pages(Visits(keys=keys, figures=figures))
    ui.run_with(
        app,
        mount_path=MOUNT,
        title="Backstock",
        dark=None,
        show_welcome_message=False,
        binding_refresh_interval=None,  # Nothing is bound: refreshes set what changed.
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """Lets visitors with a key in, to what a page's `show` builds."""

    keys: KeyAuthentication
    figures: Figures

    async def admit(self, request: Request, show: Show) -> Response | None:
        """Build the page, or send the visitor to where a key is asked for."""
        principal = await visitor(self.keys, request.cookies)
        if principal is None:
            return RedirectResponse(LOGIN)
        ledger_name = request.query_params.get("ledger", "main")
        ask = Ask(principal=principal, ledger_name=ledger_name, min_position=0)
        try:
            ledgers = await run_sync(self.figures.ledgers, ask)
        except Problem:
            return RedirectResponse(HOME)
        visit = Visit(
            keys=self.keys,
            cookies=request.cookies,
            principal=principal,
            ledger_name=ledger_name,
            ledgers=ledgers,
        )
        await show(visit, self.figures)
        return None


def _add_pages(visits: Visits) -> None:
    @_page("/", "Overview")
    async def overview(request: Request) -> Response | None:
        return await visits.admit(request, overview_page.show)

    @_page("/stock", "Stock")
    async def stock(request: Request) -> Response | None:
        return await visits.admit(request, stock_pages.show_search)

    @_page("/items/{sku:path}", "Item")
    async def item(request: Request, sku: str) -> Response | None:
        return await visits.admit(request, partial(stock_pages.show_item, sku=sku))

    @_page("/orders", "Orders")
    async def orders(request: Request) -> Response | None:
        return await visits.admit(request, order_pages.show_list)

    @_page("/orders/{order_id:path}", "Order")
    async def order(request: Request, order_id: str) -> Response | None:
        return await visits.admit(request, partial(order_pages.show_order, order_id=order_id))

    @_page("/read-models", "Read models")
    async def read_models(request: Request) -> Response | None:
        return await visits.admit(request, read_models_page.show)


def _page(path: str, title: str) -> ui.page:
    return ui.page(path, title=f"{title} · Backstock", response_timeout=BUILD_SECONDS_MAX)
