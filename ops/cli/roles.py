"""`backstock api|relay|project|processes|verifier|migrate`: each role by itself, on any machine."""

import socket
from typing import Annotated

import typer

from ops.cli.stack import Data, directory_of
from ops.roles import PROJECTIONS
from ops.settings import Settings
from ops.stores import Stores

Name = Annotated[
    str,
    typer.Option(
        help="This process's own name; a successor of the same name takes over at once. "
        "(Default: the machine's name.)"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (api, relay, project, processes, verifier, migrate):
        app.command()(command)


def api(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    data: Data = None,
) -> None:
    """Serve the HTTP API and the console. Any number of processes may.

    For example:

        backstock api --host 0.0.0.0 --port 8080
    """
    from ops.processes.api import run

    run(_stores(data), host=host, port=port)


def relay(*, name: Name = "", data: Data = None) -> None:
    """Carry committed events to Kafka, and publish signed heads. Several share the shards.

    For example:

        backstock relay --name relay-2
    """
    from ops.processes.relay import run

    run(_stores(data), name=name or socket.gethostname())


def project(
    projection: Annotated[str, typer.Argument(help=f"One of {', '.join(PROJECTIONS)}.")],
    *,
    name: Name = "",
    data: Data = None,
) -> None:
    """Keep one read model up to date. Several processes of a projection share the shards.

    For example:

        backstock project stock_levels --name stock-1
    """
    if projection not in PROJECTIONS:
        raise typer.BadParameter(f"no projection {projection!r}: {', '.join(PROJECTIONS)}")
    from ops.processes.projector import run

    run(_stores(data), projection=projection, name=name or socket.gethostname())


def processes(*, name: Name = "", data: Data = None) -> None:
    """Send what follows from events by itself: what expires, and what an event sets going.

    Reservations, carts and lots expire; orders that wait are allocated, or go on once they are
    paid; units cross into another ledger. Several share the shards. A task has one effect, whoever
    sends it, however often.

    For example:

        backstock processes --name processes-2
    """
    from ops.processes.process_managers import run

    run(_stores(data), name=name or socket.gethostname())


def verifier(
    *,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Prometheus may scrape it, on 127.0.0.1 only.")
    ] = 9109,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two rounds.")] = 30.0,
    streams: Annotated[
        int, typer.Option(min=1, max=200, help="Random events a round begins with.")
    ] = 10,
    data: Data = None,
) -> None:
    """Compare random cells of every read model with the log, round after round, behind all others.

    One process is enough. `explained_percent` of its metrics must be 100.

    For example:

        backstock verifier --port 9109
    """
    from ops.processes.verifier import run

    run(Settings(data=directory_of(data).root), port=port, every=every, streams=streams)


def migrate(*, data: Data = None) -> None:
    """Bring all stores to the shape that this version needs. Forward only, repeatable.

    For example:

        BACKSTOCK_POSTGRES_DSN=postgresql://… backstock migrate
    """
    from ops.processes.preparation import prepare_stores

    prepare_stores(_stores(data))


def _stores(data: Data) -> Stores:
    return Stores.of(Settings(data=directory_of(data).root))
