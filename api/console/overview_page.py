"""The first page: today's numbers, what happened last, how the read models are."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from api.console import words
from api.console.figures import Figures, Today
from api.console.frame import Frame, Visit, fill, heading, number_cards, table
from api.console.movement_rows import MOVEMENT_COLUMNS, MOVEMENT_NUMBERS, movement_rows
from api.console.read_models_page import READ_MODEL_COLUMNS, READ_MODEL_NUMBERS, read_model_rows


async def show(visit: Visit, figures: Figures) -> None:
    """Build the page and keep it live."""
    frame = Frame(visit, "", "Today")
    ui.label("Since midnight UTC, by when it was recorded.").classes("quiet")
    numbers = {
        **number_cards("Units in", "Units out", "Orders", "Events"),
        **number_cards("Items", "Units on hand", "Units available", "Stocks short"),
    }
    heading("Latest movements")
    latest = table(MOVEMENT_COLUMNS, key="position", link="sku", numbers=MOVEMENT_NUMBERS)
    heading("Read models")
    read_models = table(READ_MODEL_COLUMNS, key="read_model", numbers=READ_MODEL_NUMBERS)

    def fill_in(found: Today) -> None:
        for name, value in _numbers(found).items():
            numbers[name].set_text(words.number(value))
        fill(latest, movement_rows(found.latest or (), visit))
        fill(read_models, read_model_rows(found.read_models))

    await frame.live(figures.today, fill_in)


def _numbers(found: Today) -> Mapping[str, int | None]:
    units_in, units_out = found.units or (None, None)
    return {
        "Units in": units_in,
        "Units out": units_out,
        "Orders": found.orders,
        "Events": found.events,
        "Items": found.totals.items,
        "Units on hand": found.totals.units_on_hand,
        "Units available": found.totals.units_available,
        "Stocks short": found.totals.stocks_short,
    }
