"""Stock: found by SKU or name, and one item by location."""

from __future__ import annotations

from urllib.parse import quote

from nicegui import ui

from api.console import words
from api.console.figures import ROWS_MAX, Figures, ItemFound, StockFound
from api.console.frame import Frame, Visit, fill, heading, number_cards, table
from api.console.movement_rows import MOVEMENT_COLUMNS, MOVEMENT_NUMBERS, movement_rows
from api.read_side import Ask

STOCK_COLUMNS = {
    "sku": "SKU",
    "name": "Name",
    "on_hand": "On hand",
    "promised": "Promised",
    "available": "Available",
    "locations": "Locations",
    "state": "State",
}
STOCK_NUMBERS = ("on_hand", "promised", "available", "locations")
LEVEL_COLUMNS = {
    "location": "Location",
    "on_hand": "On hand",
    "reserved": "Reserved",
    "committed": "Committed",
    "picked": "Picked",
    "held": "Held",
    "available": "Available",
    "shortfall": "Short",
    "counted": "Last counted (UTC)",
}
LEVEL_NUMBERS = tuple(LEVEL_COLUMNS)[1:-1]


async def show_search(visit: Visit, figures: Figures) -> None:
    """The search and what it finds."""
    frame = Frame(visit, "stock", "Stock")
    search = (
        ui.input("SKU or words of the name")
        .classes("w-full max-w-md")
        .props('clearable autofocus outlined dense debounce=250 data-testid="search"')
    )
    count = ui.label().classes("quiet").props("role=status")
    rows = table(STOCK_COLUMNS, key="sku", link="sku", numbers=STOCK_NUMBERS)

    def fill_in(found: StockFound) -> None:
        first = "The first " if len(found.rows) == ROWS_MAX else ""
        count.set_text(f"{first}{len(found.rows)} items")
        fill(rows, _summary_rows(found, visit))

    def load(ask: Ask) -> StockFound:
        return figures.stock(ask, (search.value or "").strip()[:100])

    await frame.live(load, fill_in)
    search.on_value_change(frame.refresh)


def _summary_rows(found: StockFound, visit: Visit) -> list[dict[str, str]]:
    return [
        {
            "sku": each.sku,
            "link": visit.address(f"items/{quote(each.sku)}"),
            "name": each.name,
            "on_hand": words.number(each.on_hand),
            "promised": words.number(each.promised),
            "available": words.number(each.available),
            "locations": words.number(each.locations),
            "state": words.stock_state(
                status=each.status,
                available=each.available,
                reorder_point=each.reorder_point,
                short=each.short,
            ),
        }
        for each in found.rows
    ]


async def show_item(visit: Visit, figures: Figures, sku: str) -> None:
    """One item at every location, and what happened to it last."""
    frame = Frame(visit, "stock", sku)
    about = ui.label().classes("text-lg")
    sums = number_cards("On hand", "Available", "Locations")
    levels = table(LEVEL_COLUMNS, key="location", numbers=LEVEL_NUMBERS)
    heading("Latest movements")
    latest = table(MOVEMENT_COLUMNS, key="position", numbers=MOVEMENT_NUMBERS)

    def fill_in(found: ItemFound) -> None:
        about.set_text(_about(found))
        sums["On hand"].set_text(words.number(sum(each.on_hand for each in found.levels)))
        sums["Available"].set_text(words.number(sum(each.available for each in found.levels)))
        sums["Locations"].set_text(words.number(len(found.levels)))
        fill(levels, _level_rows(found))
        fill(latest, movement_rows(found.movements or (), visit))

    def load(ask: Ask) -> ItemFound:
        return figures.item(ask, sku)

    await frame.live(load, fill_in)


def _about(found: ItemFound) -> str:
    if found.item is None:
        return "There is no such item in this ledger."
    said = (found.item.name, found.item.category, found.item.status)
    return " · ".join(each for each in said if each)


def _level_rows(found: ItemFound) -> list[dict[str, str]]:
    return [
        {
            "location": each.location,
            "on_hand": words.number(each.on_hand),
            "reserved": words.number(each.reserved),
            "committed": words.number(each.committed),
            "picked": words.number(each.picked),
            "held": words.number(each.held),
            "available": words.number(each.available),
            "shortfall": words.number(each.shortfall),
            "counted": words.instant(each.last_counted_at),
        }
        for each in found.levels
    ]
