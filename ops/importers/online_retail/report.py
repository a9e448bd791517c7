"""What an import tells at its end, for machines and for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from ops.importers.online_retail.run import Imported

CONFLICTS_SHOWN = 20


def as_dict(
    imported: Imported, *, lag_p99_seconds: float | None, stores_equal: bool | None
) -> dict[str, Any]:
    """`seconds` run from the first request until the last event was applied in every read model;
    `stores_equal` is the result of verify, None when it was not asked for.
    """
    tally, seconds = imported.tally, imported.seconds
    return {
        "rows": imported.survey.rows,
        "rows_per_second": round(imported.survey.rows / seconds, 1),
        "classes": imported.survey.classes,
        "invoices_sold": imported.survey.invoices_sold,
        "opening_units": sum(opening.units for opening in imported.survey.openings),
        "commands": tally.commands,
        "replayed": tally.replayed,
        "events": tally.events,
        "refused": tally.refused,
        "conflicts": len(tally.conflicts),
        "seconds": round(seconds, 3),
        "events_per_second": round(tally.events / seconds, 1),
        "lag_p99_seconds": lag_p99_seconds,
        "stores_equal": stores_equal,
    }


def print_report(imported: Imported, report: dict[str, Any]) -> None:
    """The same as a table, with the first refusals and conflicts named."""
    console = Console()
    table = Table.grid(padding=(0, 2))
    for name, rows in report["classes"].items():
        table.add_row(f"rows: {name.replace('_', ' ')}", f"{rows:,}")
    for name, value in report.items():
        if name != "classes":
            shown = f"{value:,}" if isinstance(value, int | float) else str(value)
            table.add_row(name.replace("_", " "), str(value) if value is True else shown)
    console.print(table)
    for refusal in imported.tally.refusals[:CONFLICTS_SHOWN]:
        console.print(f"refused: {refusal}", markup=False, highlight=False)
    for conflict in imported.tally.conflicts[:CONFLICTS_SHOWN]:
        place = f"line {conflict.line}" if conflict.line else "no line"
        console.print(
            f"conflict: {place}, invoice {conflict.invoice}, row {conflict.ordinal}:"
            f" {conflict.detail}",
            markup=False,
            highlight=False,
        )
