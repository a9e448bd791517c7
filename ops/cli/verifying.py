"""`backstock verify`: whether log and read models say the same, and nothing was altered."""

import time
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.progress import progress
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings

if TYPE_CHECKING:
    from replay.verify.report import Report

MEANING = {
    "order": "one order: positions without a hole, time that never runs back",
    "once": "each command key has one effect and one answer",
    "no_oversell": "nothing promised or taken that was not there",
    "conservation": "what came in, less what went out, is what is there",
    "folds": "every read model equals the log at its own position",
    "chain": "no event was changed, dropped or inserted",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(*, data: Data = None, as_json: AsJson = False) -> None:
    """Check the laws on the whole log and on every read model, in all stores.

    Folds the log independently of the code that wrote it, and compares each read model where it
    stands itself, so the stack may be at work meanwhile. Reads only. Exits with 1 when a law is
    broken, and names the first event, cell or row that shows it.

    For example:

        backstock verify

        backstock verify --data /srv/stock --json
    """
    from ops.verification import run_verification

    started = time.monotonic()
    with progress("events") as told:
        report = run_verification(Settings(data=directory_of(data).root), told)
    seconds = time.monotonic() - started
    if as_json:
        print_json({**report.as_dict(), "seconds": round(seconds, 3)})
    else:
        _print(report, seconds)
    if not report.ok:
        raise typer.Exit(1)


def _print(report: "Report", seconds: float) -> None:
    console = Console()
    table = Table("", "law", "checked", "", box=None, header_style="bold")
    for law, result in report.laws.items():
        mark = "[green]holds[/]" if result.ok else "[red]BROKEN[/]"
        table.add_row(mark, law, f"{result.checked:,}", MEANING[law])
    console.print(table)
    rate = report.events / seconds if seconds else 0
    console.print(f"{report.events:,} events in {seconds:.1f} s ({rate:,.0f}/s)", highlight=False)
    for note in report.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    first = report.first_difference
    if first is None:
        console.print("Verified: the log and every read model say the same.", style="green")
        return
    console.print(f"First difference, by the law {first.law}:", style="red")
    for name, text in (
        ("where", first.where),
        ("expected", first.expected),
        ("found", first.found),
    ):
        console.print(f"  {name:9} {text}", markup=False, highlight=False, soft_wrap=True)
