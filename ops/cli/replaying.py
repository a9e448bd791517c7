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
from ops.cli.replay_selective import (
    FirstPosition,
    LastPosition,
    RecordedFrom,
    RecordedUntil,
    instant,
)
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores

if TYPE_CHECKING:
    from ops.replaying import Replaying
    from replay.planning import Request

Projections = Annotated[
    list[str] | None, typer.Argument(help="Which read models, such as stock_levels.")
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="These event types are wrong. Repeatable.")
]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Whole versions, also when no code has changed.")
]
Planted = Annotated[
    bool, typer.Option("--planted", help="Also an edition that is known to be wrong.")
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
    type_name: Types = None,
    tenant: Annotated[list[str] | None, typer.Option(help="Of this tenant. Repeatable.")] = None,
    sku: Annotated[list[str] | None, typer.Option(help="Of this SKU. Repeatable.")] = None,
    since: RecordedFrom = None,
    until: RecordedUntil = None,
    first_position: FirstPosition = None,
    last_position: LastPosition = None,
    anyway: Anyway = False,
    planted: Planted = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it; make nothing.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say what a replay would touch and take and how it is best done, and make it ready to run.

    What changed is found by comparing the code that folded the active versions with that of the
    edition: without names, of every read model, and those that it folds alike are left out. Or it
    is given by hand, by options; instants are those at which events were recorded. Where keys of
    the live versions can be put right instead, it says by which commands, and makes nothing.

    For example:

        backstock replay plan

        backstock replay plan stock_levels availability movements --edition 1

        backstock replay plan stock_levels --sku MUG --dry-run
    """
    from projections.editions import CURRENT
    from replay.planning import Request
    from replay.touching import Selection

    request = Request(
        projections=list(dict.fromkeys(projections or ())),
        edition=edition or CURRENT,
        selection=Selection(
            types=frozenset(type_name or ()),
            tenants=frozenset(tenant or ()),
            skus=frozenset(sku or ()),
            since=instant("--from", since),
            until=instant("--until", until),
            first_position=first_position,
            last_position=last_position,
        ),
        cores=_cores(),
        anyway=anyway,
        planted=planted,
    )
    _plan(data, request, is_dry=dry_run, as_json=as_json)


def run(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    cores: Annotated[
        int | None, typer.Option(min=0, help="Processes that fold (default: one per core).")
    ] = None,
    budget: Annotated[
        float, typer.Option(help="Wait while a live read model is more seconds behind than this.")
    ] = 5.0,
    source: Annotated[str, typer.Option("--from", help="store, kafka, or archive:PATH.")] = "store",
    paranoid: Annotated[
        bool, typer.Option("--paranoid", help="Build twice, cut differently; compare the bytes.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Build the planned versions up to the head of the log; `backstock project` feeds them then.

    Goes on where an earlier run of the same replay ended, however it ended; a replay that is built
    is shown, and left as it is. What is younger than an archive comes from the store; Kafka has to
    hold every event, or the run is refused.

    For example:

        backstock replay run

        backstock replay run --budget 2 --cores 1 --paranoid --json
    """
    from ops.processes.lifecycle import calm_collector, stop_event
    from ops.replaying import build_from
    from replay.budget import Budget

    stop = stop_event()
    calm_collector()
    allowed = Budget(cores=_cores() if cores is None else cores, live_lag_seconds=budget)
    with _replaying(data) as around:
        found = _found(around, replay_id, projections or ())
        with replay_bar() as observe:
            build_from(
                around,
                found,
                source=source,
                budget=allowed,
                stop=stop,
                observe=observe,
                paranoid=paranoid,
            )
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


def _plan(data: Data, request: "Request", *, is_dry: bool, as_json: bool) -> None:
    from replay import planning

    with _replaying(data) as around:
        planned = planning.plan(around.pool, around.reader, request)
        if is_dry or planned.strategy != "full":
            _show_plan({"replay_id": None, "plan": planned.as_dict()}, as_json=as_json)
            return
        prefix = around.stores.settings.redis_prefix
        replay_id = planning.start(around.pool, planned, redis_prefix=prefix)
        if not as_json:
            _show_plan({"plan": planned.as_dict()}, as_json=False)
        _show(around, replay_id, as_json=as_json)


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


def _show_plan(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    console = Console()
    plan = found["plan"]
    touched = plan["touched"]
    about = "about " if touched["estimated"] else ""
    console.print(f"{plan['strategy']}: {plan['why']}", highlight=False, soft_wrap=True)
    console.print(
        f"touched: {about}{touched['events']:,} events of {touched['streams']:,} keys in"
        f" {len(touched['shards'])} shards",
        highlight=False,
    )
    if plan["left_out"]:
        console.print(f"as before, so left out: {', '.join(plan['left_out'])}", highlight=False)
    columns = ("read model", "changed types", "rows touched", "events", "seconds", "MB")
    table = Table(*columns, box=None, header_style="bold")
    for each in plan["targets"]:
        forecast = plan["forecast"][each["projection"]]
        types = each["changed_types"]
        table.add_row(
            each["projection"],
            "unknown: all" if types is None else ", ".join(types) or "none",
            f"{about}{touched['rows'][each['projection']]:,}",
            f"{forecast['events']:,}",
            f"{forecast['seconds']:,.1f}",
            f"{forecast['bytes'] / 1e6:,.1f}",
        )
    console.print(table)
    for command in plan["commands"] if plan["strategy"] != "full" else ():
        console.print(f"next: {command}", markup=False, highlight=False, soft_wrap=True)


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
