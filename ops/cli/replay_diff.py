"""`backstock replay diff`: what a replay would change, and why, before anybody sees it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores

if TYPE_CHECKING:
    from ops.replaying import Replaying
    from replay.diff.compare import Difference
    from replay.diff.expectations import Expectation

EXAMPLES_SHOWN = 3


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(diff)


def diff(
    projections: Annotated[
        list[str] | None, typer.Argument(help="The replay of these (default: the latest replay).")
    ] = None,
    *,
    replay_id: Annotated[
        UUID | None, typer.Option("--replay", help="Its id (default: the latest).")
    ] = None,
    expect: Annotated[
        list[str],
        typer.Option(
            "--expect",
            help="A rule: what is expected to differ, as name=value words. May be given often.",
        ),
    ] = [],
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a report for people to this file.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Compare a replay's versions with those that answer, each key at one position of its own.

    Both versions may be fed meanwhile. A difference is expected when every event that explains it
    matches a rule of --expect; what no event explains is always a surprise. Names in a rule:
    projection, tenant, ledger, field; type (of the event); any field of the event, such as sku,
    location, to, reason. A name given twice holds for either value.

    Exits with 1 when there are surprises, or when the log does not fit its hash chain: what was
    folded from an edited history is never promoted.

    For example:

        backstock replay diff --expect "type=stock.returned.v1 to=damaged" --html diff.html

        backstock replay diff --json
    """
    from ops.replaying import replaying
    from replay.diff.expectations import parse_all
    from replay.diff.report import html_report

    rules = parse_all(expect)
    with replaying(Stores.of(Settings(data=directory_of(data).root))) as around:
        found = _compare(around, replay_id, projections or [], rules, quiet=as_json)
    named = {"difference_sha256": found.sha256, **found.document}
    if html is not None:
        html.write_text(html_report(str(found.replay_id), named), encoding="utf-8")
    if as_json:
        print_json({"replay_id": str(found.replay_id), **named})
    else:
        _print(found)
    if found.surprises or found.faults:
        raise typer.Exit(1)


def _compare(
    around: "Replaying",
    replay_id: UUID | None,
    projections: list[str],
    rules: "list[Expectation]",
    *,
    quiet: bool,
) -> "Difference":
    from contextlib import closing

    import clickhouse_connect

    from ops.processes.projector import redis_client
    from ops.watched_steps import watched
    from replay.diff.compare import compare, sides_of
    from replay.showing import find

    console = Console(stderr=True, quiet=quiet)
    stores = around.stores
    with around.pool.connection() as connection:
        replay = find(connection, replay_id, projections)
    with (
        watched(around, replay.replay_id, "diff") as named,
        closing(redis_client(stores)) as keys,
        closing(clickhouse_connect.get_client(dsn=stores.clickhouse_url)) as tables,
    ):
        with around.pool.connection() as connection:
            sides = sides_of(connection, replay, redis=keys, clickhouse=tables)
        return compare(
            around.pool,
            around.reader,
            replay,
            sides,
            rules=rules,
            check=named.check,
            observe=lambda at: console.print(
                f"comparing {at.projection} ({at.done + 1} of {at.total})", highlight=False
            ),
        )


def _print(found: "Difference") -> None:
    console = Console()
    table = Table("read model", "cells", "differing", "expected", "surprises", box=None)
    for name, each in found.document["projections"].items():
        figures = (each[what] for what in ("cells", "differing", "expected", "surprises"))
        table.add_row(name, *(f"{figure:,}" for figure in figures))
    console.print(table)
    for name, each in found.document["projections"].items():
        for cause in each["causes"]:
            _print_cause(console, name, cause)
    for rule in found.document["rules"]:
        if not rule["cells"]:
            console.print(f"rule {rule['text']!r} matched nothing", style="yellow", markup=False)
    if found.surprises:
        console.print(f"{found.surprises:,} surprises", style="red", highlight=False)
        console.print(f"  of the difference {found.sha256}", highlight=False, soft_wrap=True)
    else:
        console.print("No surprises.", style="green")
    for fault in found.faults:
        console.print(fault, style="red", markup=False, highlight=False, soft_wrap=True)


def _print_cause(console: Console, name: str, cause: dict[str, Any]) -> None:
    what = f"{name}.{cause['field']}: {cause['cells']:,} cells, {cause['expected']:,} expected"
    lines = [f"{what}; {cause['type']}; {cause['code']}"]
    for each in cause["examples"][:EXAMPLES_SHOWN]:
        keys = ("sku", "location", "order_id", "charge_id", "position")
        key = " ".join(str(each[part]) for part in keys if part in each)
        events = ", ".join(f"{event['position']} {event['type']}" for event in each["events"])
        change = f"{each['older']} → {each['newer']}"
        lines.append(f"  {each['ledger']} {key}: {change}  {events}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
