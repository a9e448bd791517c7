"""`backstock import …` and `backstock generate`: data from files, and made-up data."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from api.client import Answer, Client
from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.sample import SampleSize, commands
from ops.settings import Settings
from ops.stack.errors import StackError
from ops.stack.state import StackState

BULK_COMMANDS = 500
REFUSALS_SHOWN_MAX = 20
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE")]
Ledger = Annotated[str, typer.Option(help="The ledger's short name.")]
Source = Annotated[
    str, typer.Option(help="Begins every key: the same file again adds nothing (default: name).")
]
Url = Annotated[
    str, typer.Option(envvar="BACKSTOCK_API_URL", help="An API elsewhere (default: the stack's).")
]
ApiKey = Annotated[str, typer.Option(envvar="BACKSTOCK_API_KEY", help="A key for it.")]


class ImportFailedError(StackError):
    """The import ended with refusals or differences."""


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    group = typer.Typer(help="Read files and send what they say as commands.", no_args_is_help=True)
    group.command("online-retail")(online_retail)
    group.command("items")(items)
    group.command("stock")(stock)
    app.add_typer(group, name="import")
    app.command()(generate)


def online_retail(
    file: FileArgument,
    *,
    ledger: Ledger = "main",
    location: Annotated[str, typer.Option(help="Where all of its stock is.")] = "main",
    source: Source = "online-retail",
    verify: Annotated[
        bool, typer.Option(help="Fold the whole log at the end and compare all stores.")
    ] = True,
    url: Url = "",
    api_key: ApiKey = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Import the UCI "Online Retail" file (CSV, plain or gzip): invoices, returns, write-offs.

    Repeatable and resumable: stopped half-way or run twice, nothing is booked twice; of a file
    that has grown only the new rows are; an altered row is reported as a conflict. Openings are
    counted by source: give a file that goes on where another ended a --source of its own.

    For example:

        backstock import online-retail online_retail.csv.gz --json
    """
    from ops.importers.online_retail.report import as_dict, print_report
    from ops.importers.online_retail.rows import FileProblem
    from ops.importers.online_retail.run import OnlineRetailImport

    with _client(data, url, api_key) as client, _progress() as bar:
        task = bar.add_task("rows", total=None)
        run = OnlineRetailImport(client, source=source, ledger=ledger, location=location)
        try:
            imported = run.run(file, lambda done, n: bar.update(task, completed=done, total=n))
        except FileProblem as error:
            raise StackError(f"{file}: {error}; nothing of it was sent") from error
        lag = run.lag_p99_seconds(imported)
    equal = _stores_equal(data) if verify else None
    report = as_dict(imported, lag_p99_seconds=lag, stores_equal=equal)
    if as_json:
        print_json(report)
    else:
        print_report(imported, report)
    if imported.tally.refused or imported.tally.conflicts or equal is False:
        raise typer.Exit(1)


def items(
    file: FileArgument,
    *,
    ledger: Ledger = "main",
    source: Source = "",
    url: Url = "",
    api_key: ApiKey = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Register items from a CSV file with the columns sku, name and, if you like, description,
    category, gtin, unit, tracking, reorder_point, safety_stock, backorder_limit.

    For example:

        backstock import items items.csv
    """
    from ops.importers.tables import item_commands

    bodies = item_commands(file, source=source or file.stem, ledger=ledger)
    with _client(data, url, api_key) as client:
        _send_all(client, bodies, what="items", as_json=as_json)


def stock(
    file: FileArgument,
    *,
    ledger: Ledger = "main",
    source: Source = "",
    url: Url = "",
    api_key: ApiKey = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Receive stock from a CSV file with the columns sku, location, quantity and, if you like,
    document; of tracked items lot and expires_on, or serial, one to a line. Locations that are not
    known yet are registered.

    For example:

        backstock import stock opening.csv --source opening-2026
    """
    from ops.importers.tables import stock_commands

    bodies = stock_commands(file, source=source or file.stem, ledger=ledger)
    with _client(data, url, api_key) as client:
        _send_all(client, bodies, what="stock", as_json=as_json)


def generate(
    *,
    seed: Annotated[int, typer.Option(help="Same seed, same business.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days of trade.")] = 30,
    item_count: Annotated[int, typer.Option("--items", min=1, max=100_000)] = 60,
    orders: Annotated[int, typer.Option(min=1, max=100_000, help="Orders a day.")] = 40,
    until: Annotated[
        str, typer.Option(help="Where the last day ends (default: the last midnight, UTC).")
    ] = "",
    send: Annotated[bool, typer.Option(help="Send them instead of printing them.")] = False,
    ledger: Ledger = "main",
    url: Url = "",
    api_key: ApiKey = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make up a business: items, locations and days of trade, as JSON Lines of commands.

    For example:

        backstock generate --seed 7 --days 10 > commands.jsonl

        backstock generate --send
    """
    size = SampleSize(items=item_count, days=days, orders=orders)
    bodies = commands(seed=seed, until=_end(until), size=size, ledger=ledger)
    if not send:
        for body in bodies:
            sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))
        return
    with _client(data, url, api_key) as client:
        _send_all(client, list(bodies), what="sample", as_json=as_json)


def _end(text: str) -> datetime:
    if not text:
        return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        end = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an instant such as 2026-11-21") from error
    return end if end.tzinfo else end.replace(tzinfo=UTC)


def _send_all(client: Client, bodies: Sequence[Any], *, what: str, as_json: bool) -> None:
    started = time.monotonic()
    answers: list[Answer] = []
    with _progress() as bar:
        for bulk in bar.track(list(_bulks(bodies)), description=what):
            answers += client.submit_bulk(bulk).results
        positions = [a.last_position for a in answers if a.last_position is not None]
        client.wait_for(max(positions, default=None))
    refused = [a for a in answers if not a.accepted and not _known_already(a)]
    told = {
        "commands": len(answers),
        "accepted": sum(a.accepted for a in answers),
        "replayed": sum(a.replayed for a in answers),
        "refused": len(refused),
        "seconds": round(time.monotonic() - started, 3),
    }
    if as_json:
        refusals = [{"key": a.key, "outcome": a.outcome, "refusal": a.refusal} for a in refused]
        print_json(told | {"refusals": refusals[:REFUSALS_SHOWN_MAX]})
    else:
        console = Console(stderr=True)
        console.print(", ".join(f"{name} {value}" for name, value in told.items()))
        for answer in refused[:REFUSALS_SHOWN_MAX]:
            why = (answer.refusal or {}).get("detail", answer.outcome)
            console.print(f"  {answer.key}: {why}", markup=False, highlight=False)
    if refused:
        raise typer.Exit(1)


def _known_already(answer: Answer) -> bool:
    return (answer.refusal or {}).get("code") == "location_exists"


def _bulks(bodies: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(bodies), BULK_COMMANDS):
        yield bodies[start : start + BULK_COMMANDS]


def _stores_equal(data: Data) -> bool:
    from ops.verification import run_verification

    return run_verification(Settings(data=directory_of(data).root)).ok


@contextmanager
def _client(data: Data, url: str, api_key: str) -> Iterator[Client]:
    if not (url and api_key):
        facts = StackState.running(directory_of(data)).facts
        url, api_key = url or facts["api"], api_key or facts["api_key"]
    with Client(url, api_key) as client:
        yield client


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:,.0f}/s" if console.is_terminal else ""),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
