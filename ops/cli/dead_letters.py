"""`backstock deadletters list|show|retry`: streams that a projection could not go on with."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from eventlog.parked import ParkedStreams
from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores

if TYPE_CHECKING:
    from eventlog.postgres.connections import Pool
    from projections.catalogue import ReadModel

ProjectionName = Annotated[str, typer.Argument(help="The projection, such as stock_levels.")]
Ledger = Annotated[str, typer.Argument(help="The ledger's id, such as acme/main.")]
Stream = Annotated[str, typer.Argument(help="The stream, such as stock-MUG@hub.")]
Version = Annotated[
    int | None, typer.Option("--version", help="One of its versions; otherwise the active one.")
]


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
    """List the parked streams of every version that is built or fed: since where, and why.

    Once their cause is mended, `backstock replay key --parked` replays them all, in order;
    `deadletters retry` asks for one of them.

    For example:

        backstock deadletters list
    """
    with _log_pool(data) as pool:
        found = [
            {
                "projection": model.name,
                "version": model.version,
                "state": model.state,
                "ledger": parked.ledger,
                "stream": parked.stream,
                "position": parked.position,
                "parked_at": parked.parked_at.isoformat(),
                "retry_requested": parked.retry_requested_at is not None,
                "error": parked.error,
            }
            for model in _models(pool)
            for parked in ParkedStreams(pool, model.name, model.version).streams().values()
        ]
    if as_json:
        print_json({"parked": found})
        return
    columns = ("projection", "version", "state", "ledger", "stream", "position", "error")
    _print_table(found, columns)


def show(
    projection: ProjectionName,
    ledger: Ledger,
    stream: Stream,
    *,
    version: Version = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the events of a parked stream that wait, oldest first.

    For example:

        backstock deadletters show stock_levels acme/main stock-MUG@hub
    """
    with _log_pool(data) as pool:
        model = _model(pool, projection, version)
        letters = ParkedStreams(pool, model.name, model.version).dead_letters(ledger, stream)
    found = [{"position": each.ledger_position, "type": each.type} for each in letters]
    if as_json:
        print_json({"version": model.version, "dead_letters": found})
    else:
        _print_table(found, ("position", "type"))


def retry(
    projection: ProjectionName,
    ledger: Ledger,
    stream: Stream,
    *,
    version: Version = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask the projection to go on with a stream, in order, once its cause is mended.

    The projector does it between two batches; `deadletters list` no longer shows the stream then.

    For example:

        backstock deadletters retry stock_levels acme/main stock-MUG@hub
    """
    with _log_pool(data) as pool:
        model = _model(pool, projection, version)
        asked = ParkedStreams(pool, model.name, model.version).request_retry(ledger, stream)
    if as_json:
        print_json({"requested": asked, "version": model.version})
    elif not asked:
        text = f"{stream} of {ledger} is not parked by {model.name} v{model.version}"
        Console(stderr=True).print(text, markup=False, highlight=False)
    if not asked:
        raise typer.Exit(1)


def _models(pool: "Pool") -> "list[ReadModel]":
    """Every version that a stream can be parked in, and what stands for the process managers."""
    from projections.catalogue import STORES, ReadModel, versions

    with pool.connection() as connection:
        found = [
            model
            for name in STORES
            for model in versions(connection, name).values()
            if model.state != "retired"
        ]
    return [*found, ReadModel(name="processes", version=1, store="postgres", places={})]


def _model(pool: "Pool", projection: str, version: int | None) -> "ReadModel":
    """The version that is meant; none named: the one that answers."""
    from ops.stack.errors import StackError

    known = [model for model in _models(pool) if model.name == projection]
    for model in known:
        if model.version == version or (version is None and model.state == "active"):
            return model
    if not known:
        raise StackError(f"there is no projection {projection!r}")
    there = ", ".join(f"v{model.version} ({model.state})" for model in known)
    raise StackError(f"there is no {projection} v{version}; there is {there}")


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
