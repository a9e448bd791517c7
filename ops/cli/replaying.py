"""`backstock replay plan|run|status|cancel`: versions of read models, built beside the active."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from ops.cli.output import print_json
from ops.cli.replay_bar import replay_bar
from ops.cli.replay_selective import (
    FirstPosition,
    LastPosition,
    RecordedFrom,
    RecordedUntil,
    instant,
)
from ops.cli.replay_shown import print_list, print_plan, print_replay
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
LISTED_MAX = 100
LOOK_SECONDS = 1.0
ReplayId = Annotated[UUID | None, typer.Option("--replay", help="Its id (default: the latest).")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for command in (plan, run, status, cancel):
        group.command()(command)


def plan(
    projections: Projections = None,
    *,
    edition: Annotated[
        str, typer.Option(help="What stock events mean to the new version; other folds have one.")
    ] = "",
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
    latency: Annotated[
        float, typer.Option(help="Wait while a look at PostgreSQL takes more seconds than this.")
    ] = 0.5,
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
    from ops.processes.lifecycle import calm_collector, log_to_stderr, stop_event
    from ops.replaying import build_from
    from ops.watched_steps import watched
    from replay.budget import Budget

    log_to_stderr()
    stop = stop_event()
    calm_collector()
    allowed = Budget(
        cores=_cores() if cores is None else cores,
        live_lag_seconds=budget,
        latency_seconds=latency,
    )
    with _replaying(data) as around:
        found = _found(around, replay_id, projections or ())
        with watched(around, found, "run") as named, replay_bar() as observe:
            build_from(
                named,
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
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow it for as long as a process builds it.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--list", help="The latest replays, a line for each.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show how far a replay is, per read model, store and shard, and what its steps found.

    With --watch and --json: one JSON object a line, every second.

    For example:

        backstock replay status --watch

        backstock replay status --list --json
    """
    with _replaying(data) as around:
        if every:
            _list(around, as_json=as_json)
            return
        found = _found(around, replay_id, projections or ())
        if watch:
            _watch(around, found, as_json=as_json)
        _show(around, found, as_json=as_json)


def _list(around: "Replaying", *, as_json: bool) -> None:
    from replay.showing import listed

    with around.pool.connection() as connection:
        found = listed(connection, LISTED_MAX)
    if as_json:
        print_json({"replays": found})
    else:
        print_list(found)


def _watch(around: "Replaying", replay_id: UUID, *, as_json: bool) -> None:
    """Until nobody works on it."""
    import time

    from replay.progress import Progress
    from replay.showing import shown

    with replay_bar() as observe:
        while True:
            with around.pool.connection() as connection:
                found = shown(connection, replay_id)
            if found["step"] is None:
                return
            if as_json:
                print_json(found)
            elif found["progress"]:
                observe(Progress.of(found["progress"]))
            time.sleep(LOOK_SECONDS)


def cancel(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a replay up: drop what it has built. What is read stays as it is.

    For example:

        backstock replay cancel
    """
    import time

    from ops.processes.lifecycle import log_to_stderr
    from ops.watched_steps import watched
    from replay import cancelling

    log_to_stderr()
    with _replaying(data) as around:
        found = _found(around, replay_id, projections or ())
        with watched(around, found, "cancel") as named:
            cancelling.cancel(
                named.pool, found, owner=named.owner, drop=named.drop, sleep=time.sleep
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
            if as_json:
                print_json({"replay_id": None, "plan": planned.as_dict()})
            else:
                print_plan(planned.as_dict())
            return
        prefix = around.stores.settings.redis_prefix
        replay_id = planning.start(around.pool, planned, redis_prefix=prefix)
        if not as_json:
            print_plan(planned.as_dict())
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
        print_replay(found)
