"""`backstock deadletters list|show|retry`: streams that a projection could not go on with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from eventlog.parked import ParkedStreams
from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores

ProjectionName = Annotated[str, typer.Argument(help="The projection, such as stock_levels.")]
Ledger = Annotated[str, typer.Argument(help="The ledger's id, such as acme/main.")]
Stream = Annotated[str, typer.Argument(help="The stream, such as stock-MUG@hub.")]
Version = Annotated[int, typer.Option("--version", help="The projection's version.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    group = typer.Typer(
        help="Streams that a projection could not go on with, and their waiting events.",
        no_args_is_help=True,
    )
    group.command("list")(list_parked)
    group.command("show")(show)
    group.command("retry")(retry)
    app.add_typer(group, name="deadletters")


def list_parked(*, data: Data = None, as_json: AsJson = False) -> None:
    """List every parked stream: since which position, and why.

    For example:

        backstock deadletters list
    """
    from projections.catalogue import active

    with _log_pool(data) as pool:
        with pool.connection() as connection:
            models = active(connection).values()
        found = [
            {
                "projection": model.name,
                "version": model.version,
                "ledger": parked.ledger,
                "stream": parked.stream,
                "position": parked.position,
                "parked_at": parked.parked_at.isoformat(),
                "retry_requested": parked.retry_requested_at is not None,
                "error": parked.error,
            }
            for model in models
            for parked in ParkedStreams(pool, model.name, model.version).streams().values()
        ]
    if as_json:
        print_json({"parked": found})
        return
    _print_table(found, ("projection", "ledger", "stream", "position", "parked_at", "error"))


def show(
    projection: ProjectionName,
    ledger: Ledger,
    stream: Stream,
    *,
    version: Version = 1,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the events of a parked stream that wait, oldest first.

    For example:

        backstock deadletters show stock_levels acme/main stock-MUG@hub
    """
    with _log_pool(data) as pool:
        letters = ParkedStreams(pool, projection, version).dead_letters(ledger, stream)
    found = [{"position": each.ledger_position, "type": each.type} for each in letters]
    if as_json:
        print_json({"dead_letters": found})
    else:
        _print_table(found, ("position", "type"))


def retry(
    projection: ProjectionName,
    ledger: Ledger,
    stream: Stream,
    *,
    version: Version = 1,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask the projection to go on with a stream, in order, once its cause is mended.

    The projector does it between two batches; `deadletters list` no longer shows the stream then.

    For example:

        backstock deadletters retry stock_levels acme/main stock-MUG@hub
    """
    with _log_pool(data) as pool:
        asked = ParkedStreams(pool, projection, version).request_retry(ledger, stream)
    if as_json:
        print_json({"requested": asked})
    elif not asked:
        Console(stderr=True).print(f"{stream} of {ledger} is not parked by {projection}")
    if not asked:
        raise typer.Exit(1)


@contextmanager
def _log_pool(data: Data) -> Iterator[Any]:
    from eventlog.postgres.connections import open_log_pool

    stores = Stores.of(Settings(data=directory_of(data).root))
    pool = open_log_pool(stores.log_dsn, size=1, name="backstock-deadletters")
    try:
        yield pool
    finally:
        pool.close()


def _print_table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    console = Console()
    console.print(table, soft_wrap=not console.is_terminal)
