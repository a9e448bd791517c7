"""How old what the other pages show is, for each read model."""

from __future__ import annotations

from collections.abc import Iterable

from nicegui import ui

from api.console import words
from api.console.figures import Figures, ReadModelsFound
from api.console.frame import Frame, Visit, fill, table
from api.read_routes.read_models import ReadModelState

READ_MODEL_COLUMNS = {
    "read_model": "Read model",
    "state": "State",
    "position": "Position",
    "lag_events": "Events behind",
    "age": "Age",
    "recorded_at": "Shows up to (UTC)",
    "store": "Store",
    "version": "Version",
}
READ_MODEL_NUMBERS = ("position", "lag_events", "age", "version")


async def show(visit: Visit, figures: Figures) -> None:
    """Build the page and keep it live."""
    frame = Frame(visit, "read-models", "Read models")
    ui.label(
        "Each read model follows the log by itself. Its age is how long the oldest event that it "
        "does not show yet has waited."
    ).classes("quiet")
    rows = table(READ_MODEL_COLUMNS, key="read_model", numbers=READ_MODEL_NUMBERS)

    def fill_in(found: ReadModelsFound) -> None:
        fill(rows, read_model_rows(found.read_models))

    await frame.live(figures.read_models, fill_in)


def read_model_rows(found: Iterable[ReadModelState]) -> list[dict[str, str]]:
    """The state says in words whether to worry."""
    return [
        {
            "read_model": each.read_model,
            "state": words.lateness(each.lag_events, each.age_seconds, each.parked_streams),
            "position": words.number(each.position),
            "lag_events": words.number(each.lag_events),
            "age": words.duration(each.age_seconds),
            "recorded_at": words.instant(each.recorded_at),
            "store": each.store,
            "version": str(each.version),
        }
        for each in found
    ]
