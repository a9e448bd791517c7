"""`backstock replay key`: single keys of the live read models folded anew, and parked streams."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores

if TYPE_CHECKING:
    from ops.replaying import Replaying
    from replay.selective.selection import Selection

RecordedFrom = Annotated[
    str | None, typer.Option("--from", help="What was recorded from this instant on.")
]
RecordedUntil = Annotated[
    str | None, typer.Option("--until", help="What was recorded before this instant.")
]
Type = Annotated[str | None, typer.Option("--type", help="What an event of this type speaks of.")]
FirstPosition = Annotated[
    int | None, typer.Option("--from-position", min=1, help="Ledger positions from here on.")
]
LastPosition = Annotated[
    int | None, typer.Option("--to-position", min=1, help="Ledger positions up to here.")
]
Projections = Annotated[
    list[str] | None, typer.Option("--projection", help="In this read model only. Repeatable.")
]
Parked = Annotated[bool, typer.Option("--parked", help="The parked streams, in order.")]
Version = Annotated[
    int | None,
    typer.Option("--version", help="With --parked: in this version; otherwise in all fed ones."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")]
CHANGES_PRINTED_MAX = 50


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(key)


def key(
    *,
    sku: Annotated[str | None, typer.Option(help="A SKU, wherever it is stocked.")] = None,
    location: Annotated[str | None, typer.Option(help="With --sku: at this location only.")] = None,
    order: Annotated[str | None, typer.Option(help="An order and the stocks it moved.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Everything of a tenant.")] = None,
    ledger: Annotated[str | None, typer.Option(help="Of this ledger, such as acme/main.")] = None,
    recorded_from: RecordedFrom = None,
    recorded_until: RecordedUntil = None,
    first_position: FirstPosition = None,
    last_position: LastPosition = None,
    type_name: Type = None,
    projection: Projections = None,
    parked: Parked = False,
    version: Version = None,
    dry_run: DryRun = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Fold single keys of the live read models anew from their whole streams, and put them right.

    What is given together must all be true of an event; the streams of such events are replayed.
    Every cell that changes is told, old and new, with digests that prove that no other key did.
    All keys of a shard (so of a ledger) change at once, up to 20,000; in ClickHouse all movements
    do, and the items and the locations of a shard. Stores follow one another. Refused while a
    replay of the read model is open, and when its code is not that which built the version.
    Nothing of it is written into the ledger: keep what --json says where a record is wanted.
    With --parked, streams whose handler is mended are replayed through their own projection, in
    every version that is fed. Exits with 1 when a stream could not be replayed; it is as it was.

    For example:

        backstock replay key --sku MUG --from 2026-03-01T00:00:00Z --dry-run

        backstock replay key --parked --projection orders
    """
    from replay.selective.selection import Selection

    selection = Selection(
        sku=sku,
        location=location,
        order_id=order,
        tenant=tenant,
        ledger=ledger,
        recorded_from=instant("--from", recorded_from),
        recorded_until=instant("--until", recorded_until),
        type_name=type_name,
        first_position=first_position,
        last_position=last_position,
    )
    _check(selection, parked=parked, version=version, dry_run=dry_run)
    with _replaying(data) as around:
        started = time.monotonic()
        if parked:
            found = _retry(around, projection or (), version)
        else:
            found = _correct(around, selection, projection or (), dry_run=dry_run)
        found["seconds"] = round(time.monotonic() - started, 3)
    _tell(found, as_json=as_json, parked=parked)


def _check(selection: "Selection", *, parked: bool, version: int | None, dry_run: bool) -> None:
    from replay.selective.selection import Selection, SelectionError

    if version is not None and not parked:
        raise SelectionError("--version goes with --parked: keys are those of the active version")
    if parked and (selection != Selection() or dry_run):
        raise SelectionError("--parked replays what is parked: give --projection beside it, if any")
    if not parked:
        selection.check()


def _tell(found: dict[str, Any], *, as_json: bool, parked: bool) -> None:
    tell = print_json if as_json else _print_parked if parked else _print
    tell(found)
    if not found["complete"]:
        raise typer.Exit(1)


def _correct(
    around: "Replaying",
    selection: "Selection",
    projections: "list[str] | tuple[()]",
    *,
    dry_run: bool,
) -> dict[str, Any]:
    import clickhouse_connect

    from ops.processes.projector import redis_client
    from replay.selective.run import Surroundings, replay_keys

    with (
        closing(redis_client(around.stores)) as keys,
        closing(clickhouse_connect.get_client(dsn=around.stores.clickhouse_url)) as rows,
        _progress() as told,
    ):
        surroundings = Surroundings(
            pool=around.pool,
            reader=around.reader,
            redis=keys,
            clickhouse=rows,
            store_id=around.identity.store_id,
            epoch=around.identity.epoch,
        )
        done = replay_keys(
            surroundings, selection, projections=projections, dry_run=dry_run, observe=told
        )
    return {"dry_run": dry_run, **done.as_dict()}


def _retry(
    around: "Replaying", projections: "list[str] | tuple[()]", version: int | None
) -> dict[str, Any]:
    from replay.selective.parked import Retrying

    retrying = Retrying(
        pool=around.pool,
        reader=around.reader,
        make=around.make,
        epoch=around.identity.epoch,
        shards=around.identity.shards,
        owner=f"parked#{around.owner}",
    )
    found = retrying.replay(projections, version=version)
    return {
        "complete": not any(each.still_parked for each in found),
        "versions": [each.as_dict() for each in found],
    }


@contextmanager
def _replaying(data: Data) -> "Iterator[Replaying]":
    from ops.replaying import replaying

    with replaying(Stores.of(Settings(data=directory_of(data).root))) as around:
        yield around


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    console = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        tasks = {"looking for streams": bar.add_task("looking for streams", total=None)}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield told


def instant(option: str, text: str | None) -> datetime | None:
    """Raises `SelectionError`, which names the option."""
    from replay.selective.selection import SelectionError

    wanted = "write it as 2026-03-01T00:00:00Z"
    try:
        found = None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise SelectionError(f"{option}: {text!r} is no instant; {wanted}") from error
    if found is not None and found.tzinfo is None:
        raise SelectionError(f"{option}: {text!r} has no time zone; {wanted}")
    return found


def _print(found: dict[str, Any]) -> None:
    console = Console()
    what = "would change" if found["dry_run"] else "changed"
    table = Table("read model", "keys", what, "cells", "others", box=None, header_style="bold")
    for name, each in found["projections"].items():
        others = each["others"]
        proof = f"{others['keys']:,} equal" if others["equal"] else "DIFFER"
        cells = f"{each['changed_cells']:,}"
        table.add_row(name, f"{each['keys']:,}", f"{each['changed_keys']:,}", cells, proof)
    console.print(table)
    changes = [
        (name, change) for name, each in found["projections"].items() for change in each["changes"]
    ]
    for name, change in changes[:CHANGES_PRINTED_MAX]:
        for cell, value in change["cells"].items():
            text = f"{name} {change['ledger']} {change['key']} {cell}:"
            text += f" {value['old']} -> {value['new']}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    if len(changes) > CHANGES_PRINTED_MAX:
        left = len(changes) - CHANGES_PRINTED_MAX
        console.print(f"and {left:,} more keys: see --json", highlight=False)
    for name, each in found["projections"].items():
        for kind in ("parked", "refused"):
            for stream in each[kind]:
                reason = stream.get("error", "parked: --parked replays it")
                text = f"{name} {stream['ledger']} {stream['stream']}: let be, {reason}"
                console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{found['streams']:,} streams, {found['events']:,} events", highlight=False)


def _print_parked(found: dict[str, Any]) -> None:
    console = Console()
    for each in found["versions"]:
        name = f"{each['projection']} v{each['version']}"
        for stream in each["replayed"]:
            text = f"{name} {stream['ledger']} {stream['stream']}: replayed"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        for stream in each["still_parked"]:
            waits = each["other_code"] or "its projector has not come to it"
            why = waits if stream["waiting"] else stream["error"]
            text = f"{name} {stream['ledger']} {stream['stream']}: still parked, {why}"
            console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if not any(each["replayed"] or each["still_parked"] for each in found["versions"]):
        console.print("nothing is parked")
