"""`backstock reconcile`: whether Kafka holds what the store holds, and making it so."""

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.progress import progress
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings

if TYPE_CHECKING:
    from ops.reconciliation import Reconciliation
    from replay.reconcile.report import KafkaReport


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    group = typer.Typer(
        help="Compare what was derived with the store, and mend it.", no_args_is_help=True
    )
    # Without a callback the only command would take the group's own name.
    group.callback()(_group)
    group.command()(kafka)
    app.add_typer(group, name="reconcile")


def _group() -> None:
    """Compare what was derived with the store, and mend it."""


def kafka(
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Publish again what differs, prove it, drop the rest.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Compare every record in Kafka with the store's event: value, key, headers, timestamp.

    Everything may be at work meanwhile. Exits with 1 when records are missing, altered, foreign or
    out of order (after a repair: when some still are), and names the first.

    For example:

        backstock reconcile kafka

        backstock reconcile kafka --repair --data /srv/stock
    """
    from ops.reconciliation import reconcile_kafka

    started = time.monotonic()
    with progress("records") as told:
        settings = Settings(data=directory_of(data).root)
        done = reconcile_kafka(settings, repair=repair, progress=told)
    seconds = time.monotonic() - started
    if as_json:
        print_json({**done.as_dict(), "seconds": round(seconds, 3)})
    else:
        _print(done, seconds)
    if not done.ok:
        raise typer.Exit(1)


def _print(done: "Reconciliation", seconds: float) -> None:
    console = Console()
    print_report(console, done.found)
    for each in done.repaired:
        gone = f", offsets below {each.deleted_below} deleted" if each.deleted_below else ""
        console.print(
            f"repaired shard {each.shard}: positions {each.first} to {each.last}{gone}",
            highlight=False,
        )
    if done.left is not None:
        print_report(console, done.left)
    console.print(f"{seconds:.1f} s", highlight=False)


def print_report(console: Console, report: "KafkaReport") -> None:
    """A line for each shard, and the first difference."""
    columns = ("shard", "positions", "records", "repeats", "behind", "")
    table = Table(*columns, box=None, header_style="bold")
    for shard in report.shards:
        if not shard.head and not shard.records:
            continue
        mark = "[green]equal[/]" if shard.ok else "[red]DIFFERS[/]"
        if shard.trimmed:
            mark += f" from position {shard.first_position or shard.head + 1} on (retention)"
        positions = f"{shard.first_position or 0:,} to {shard.reached:,}"
        figures = (f"{each:,}" for each in (shard.records, shard.repeats, shard.behind))
        table.add_row(str(shard.shard), positions, *figures, mark)
    console.print(table)
    first = report.first_difference
    if first is None:
        text = f"Topic {report.topic} holds what the store holds."
        console.print(text, style="green", highlight=False)
        return
    console.print("First difference:", style="red")
    console.print(f"  {first.sentence()}", markup=False, highlight=False, soft_wrap=True)
