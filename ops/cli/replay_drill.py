"""`backstock replay drill`: a planted bug, found and repaired while reads and writes go on."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stack.directory import DataDirectory
from ops.stack.errors import NotRunningError
from ops.stack.state import StackState
from ops.stores import Stores


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(drill)


def drill(
    *,
    commands_per_second: Annotated[
        int, typer.Option(min=1, max=5_000, help="Written meanwhile, over HTTP.")
    ] = 50,
    api_url: Annotated[
        list[str] | None,
        typer.Option(
            help="Read through this API process too (repeatable), or instead of one here."
        ),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Plant a bug, find it, replay, compare, promote, roll back, promote: on this very log.

    Readers are shown a mistake for as long as it lasts (damaged returns counted twice), so do not
    run it where somebody relies on the figures. It writes to a tenant of its own, `drill`, which
    stays. Exits with 1 unless every wrong cell was explained and no read or write failed. When it
    is stopped half-way it takes away what it planted, and so does the next one.

    For example:

        backstock replay drill --commands-per-second 500 --json
    """
    from ops.drilling.drill import Drill
    from ops.processes.lifecycle import calm_collector, log_to_stderr
    from ops.replaying import replaying

    directory = directory_of(data)
    console = Console(stderr=True)
    log_to_stderr()
    calm_collector()
    urls = _urls(directory, api_url or [])
    with replaying(Stores.of(Settings(data=directory.root))) as around:
        report = Drill(
            around=around,
            urls=urls,
            commands_per_second=commands_per_second,
            tell=lambda step: console.print(f"drill: {step}", highlight=False),
        ).run()
    if as_json:
        print_json(report)
    else:
        table = Table("step", "seconds", box=None, header_style="bold")
        for each in report["steps"]:
            table.add_row(each["step"], f"{each['seconds']:.2f}")
        told = Console()
        told.print(table)
        for name, value in report.items():
            if name != "steps":
                told.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
    if not report["ok"]:
        raise typer.Exit(1)


def _urls(directory: DataDirectory, given: list[str]) -> list[str]:
    """Of every API process. Raises `NotRunningError` when there is none."""
    try:
        running = [StackState.running(directory).facts["api"]]
    except NotRunningError:
        if not given:
            raise
        running = []
    return [*running, *given]
