"""`backstock replay plan|run|status|cancel`: versions of read models, built beside the active."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.replay_bar import replay_bar
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores

if TYPE_CHECKING:
    from ops.replaying import Replaying

Projections = Annotated[
    list[str] | None, typer.Argument(help="Which read models, such as stock_levels.")
]
ReplayId = Annotated[UUID | None, typer.Option("--replay", help="Its id (default: the latest).")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for command in (plan, run, status, cancel):
        group.command()(command)


def plan(
    projections: Projections = None,
    *,
    edition: Annotated[str, typer.Option(help="The code that folds the new version.")] = "",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also when no code has changed.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say what a replay would touch and take, and make it ready to run.

    For example:

        backstock replay plan stock_levels availability movements --edition 1
    """
    from projections.catalogue import STORES
    from projections.editions import CURRENT
    from replay import planning

    request = planning.Request(
        projections=list(dict.fromkeys(projections or STORES)),
        edition=edition or CURRENT,
        anyway=anyway,
    )
    with _replaying(data) as around:
        planned = planning.plan(around.pool, around.reader, request)
        prefix = around.stores.settings.redis_prefix
        replay_id = planning.start(around.pool, planned, redis_prefix=prefix)
        _show(around, replay_id, as_json=as_json)


def run(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Build the planned versions up to the head of the log; `backstock project` feeds them then.

    Goes on where an earlier run of the same replay ended, however it ended.

    For example:

        backstock replay run

        backstock replay run --replay 01980c5e-… --json
    """
    from ops.processes.lifecycle import calm_collector, stop_event
    from replay.budget import Budget
    from replay.building import build

    stop = stop_event()
    calm_collector()
    with _replaying(data) as around, replay_bar() as observe:
        found = _found(around, replay_id, projections or ())
        build(
            around.pool,
            around.reader,
            found,
            make=around.make,
            owner=around.owner,
            stop=stop,
            budget=Budget(cores=_cores()),
            observe=observe,
            bulk=around.bulk(),
        )
    with _replaying(data) as around:
        _show(around, found, as_json=as_json)


def status(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show how far a replay is, and what its steps found.

    For example:

        backstock replay status --json
    """
    with _replaying(data) as around:
        _show(around, _found(around, replay_id, projections or ()), as_json=as_json)


def cancel(*, replay_id: ReplayId = None, data: Data = None, as_json: AsJson = False) -> None:
    """Give a replay up: drop what it has built. What is read stays as it is.

    For example:

        backstock replay cancel
    """
    import time

    from replay import cancelling

    with _replaying(data) as around:
        found = _found(around, replay_id, ())
        cancelling.cancel(
            around.pool, found, owner=around.owner, drop=around.drop, sleep=time.sleep
        )
        _show(around, found, as_json=as_json)


def _cores() -> int:
    import os

    return os.cpu_count() or 1


@contextmanager
def _replaying(data: Data) -> "Iterator[Replaying]":
    from ops.replaying import replaying

    with replaying(Stores.of(Settings(data=directory_of(data).root))) as around:
        yield around


def _found(
    around: "Replaying", replay_id: UUID | None, projections: "list[str] | tuple[()]"
) -> UUID:
    from replay.showing import find

    with around.pool.connection() as connection:
        return find(connection, replay_id, projections).replay_id


def _show(around: "Replaying", replay_id: UUID, *, as_json: bool) -> None:
    from replay.showing import shown

    with around.pool.connection() as connection:
        found = shown(connection, replay_id)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    console = Console()
    console.print(f"replay {found['replay_id']}: {found['state']}", highlight=False)
    table = Table("read model", "from", "to", "edition", box=None, header_style="bold")
    for each in found["targets"]:
        versions = (f"v{each['from_version']}", f"v{each['to_version']}")
        table.add_row(each["projection"], *versions, each["edition"])
    console.print(table)
    if found["error"]:
        console.print(f"error: {found['error']}", style="red", markup=False, soft_wrap=True)
