"""What every page of the console has around it, and how it stays live."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from anyio.to_thread import run_sync
from nicegui import ui
from nicegui.elements.label import Label
from nicegui.elements.table import Table

from api.answer_schemas import AsOf
from api.authentication import KeyAuthentication, Principal
from api.console import words
from api.console.access import MOUNT, visitor
from api.problems import Problem
from api.read_side import Ask
from eventlog.outages import OUTAGES

REFRESH_SECONDS = 1.5
PAGES = (
    ("", "Overview"),
    ("stock", "Stock"),
    ("orders", "Orders"),
    ("read-models", "Read models"),
)
PRIMARY = "#0b5cad"
STYLE = """
:root { --quiet: #52606d; --link: #0b5cad; }
body { font-variant-numeric: tabular-nums; }
body.body--dark { --quiet: #a3b0bd; --link: #8cc4f7; background: #12171d; }
body.body--dark .q-card, body.body--dark .q-table__card { background: #1b232c; }
body.body--dark .q-header { background: #123a63 !important; }
body.body--dark .q-field .text-primary { color: var(--link) !important; }
.quiet { color: var(--quiet); }
.figure { font-size: 2rem; line-height: 1.1; font-weight: 650; }
.console-nav a { padding: .35rem .75rem; border-radius: 8px; color: inherit;
                 text-decoration: none; }
.console-nav a[aria-current=page] { background: rgba(255, 255, 255, .2); font-weight: 650;
                                    text-decoration: underline; text-underline-offset: 4px; }
.console-nav a:hover { text-decoration: underline; }
:focus-visible { outline: 3px solid #e8a33d !important; outline-offset: 2px; }
.q-table th { font-weight: 650 !important; }
.q-table a { color: var(--link); text-decoration: underline; text-underline-offset: 2px; }
.q-table tbody tr:nth-child(even) { background: rgba(128, 140, 155, .09); }
.figures { display: grid; gap: .75rem; width: 100%;
           grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
"""
LINK = '<q-td :props="props"><a :href="props.row.link">{{ props.value }}</a></q-td>'


class Shown(Protocol):
    """Anything a page shows: it says what it is true for."""

    @property
    def as_of(self) -> AsOf: ...


Page = TypeVar("Page", bound=Shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One page as one visitor opened it."""

    keys: KeyAuthentication
    cookies: dict[str, str]
    principal: Principal
    ledger_name: str
    ledgers: Sequence[str]

    @property
    def ask(self) -> Ask:
        return Ask(principal=self.principal, ledger_name=self.ledger_name, min_position=0)

    def page(self, path: str) -> str:
        """A page of the same ledger, as the page library names it: below its mount."""
        return f"/{path}" + ("" if self.ledger_name == "main" else f"?ledger={self.ledger_name}")

    def address(self, path: str) -> str:
        """The same as an address in plain HTML."""
        return MOUNT + self.page(path)


class Frame:
    """Header, navigation, state of the data, and a place for warnings."""

    def __init__(self, visit: Visit, page: str, title: str) -> None:
        self.visit = visit
        ui.colors(primary=PRIMARY)
        ui.add_css(STYLE)
        with ui.header().classes("items-center gap-4 px-4 py-2"):
            ui.label("Backstock").classes("text-lg font-bold")
            with ui.row().classes("console-nav gap-1").props('role=navigation aria-label="Pages"'):
                for path, name in PAGES:
                    link = ui.link(name, visit.page(path))
                    if path == page:
                        link.props("aria-current=page")
            ui.space()
            self._state = ui.label().props('role=status aria-live=off data-testid="state"')
            if len(visit.ledgers) > 1:
                _ledger_choice(visit, page)
            ui.label(visit.principal.tenant).classes("font-bold")
            ui.link("Sign out", "/logout").classes("text-white")
        self._warning = (
            ui.label().classes("w-full p-3 font-bold border-2 rounded").props("role=alert")
        )
        self._warning.visible = False
        main = ui.label(title).classes("text-2xl font-bold").props("role=heading aria-level=1")
        ui.skip_link("Skip to the page", target=main)

    async def live(self, load: Callable[[Ask], Page], show: Callable[[Page], None]) -> None:
        """Show what `load` finds, now and then every REFRESH_SECONDS."""

        async def refresh() -> None:
            principal = await self._allowed()
            if principal is None:
                ui.navigate.to("/login")
                return
            found = await self._loaded(load)
            if found is not None:
                self._state.set_text(_state(found.as_of))
                show(found)

        self.refresh = refresh
        await refresh()
        ui.timer(REFRESH_SECONDS, refresh, immediate=False)

    async def _allowed(self) -> Principal | None:
        try:
            return await visitor(self.visit.keys, self.visit.cookies)
        except OUTAGES:
            # Who it is was known a moment ago; that nothing can be read is said below.
            return self.visit.principal

    async def _loaded(self, load: Callable[[Ask], Page]) -> Page | None:
        try:
            found = await run_sync(load, self.visit.ask)
        except OUTAGES:
            self._warn("✖ The store cannot be reached. What is shown is from before.")
            return None
        except Problem as problem:
            self._warn(f"✖ {problem.detail}")
            return None
        self._warning.visible = False
        return found

    def _warn(self, text: str) -> None:
        self._warning.set_text(text)
        self._warning.visible = True


def _state(as_of: AsOf) -> str:
    late = "up to date" if not as_of.age_seconds else f"{words.duration(as_of.age_seconds)} behind"
    return f"Live · position {words.number(as_of.position)} · {late}"


def _ledger_choice(visit: Visit, page: str) -> None:
    def go(name: str) -> None:
        ui.navigate.to(replace(visit, ledger_name=name).page(page))

    ui.select(
        list(visit.ledgers),
        value=visit.ledger_name,
        label="Ledger",
        on_change=lambda event: go(str(event.value)),
    ).props("dense dark options-dense")


def number_cards(*names: str) -> Mapping[str, Label]:
    """A row of cards with one number each; returns the numbers' labels."""
    with ui.element("div").classes("figures"):
        return {name: _figure(name) for name in names}


def _figure(name: str) -> Label:
    with ui.card().classes("gap-1").props("flat bordered"):
        ui.label(name).classes("quiet")
        return ui.label(words.NONE).classes("figure").props(f'data-testid="{name}"')


def heading(text: str) -> None:
    """Above a part of the page."""
    ui.label(text).classes("text-xl font-bold").props("role=heading aria-level=2")


def table(
    columns: Mapping[str, str], *, key: str, link: str | None = None, numbers: Sequence[str] = ()
) -> Table:
    """A table; `columns`: name -> title. Rows are told apart by `key`.

    The column `link` leads to the address that each row has under "link".
    """
    found = ui.table(
        columns=[
            {
                "name": name,
                "label": title,
                "field": name,
                "align": "right" if name in numbers else "left",
            }
            for name, title in columns.items()
        ],
        rows=[],
        row_key=key,
    )
    if link is not None:
        found.add_slot(f"body-cell-{link}", LINK)
    return found.classes("w-full").props("flat bordered dense")


def fill(found: Table, rows: list[dict[str, str]]) -> None:
    """Put rows in, unless they are there: what does not change keeps its focus."""
    if found.rows != rows:
        found.rows = rows
