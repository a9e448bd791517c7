"""`backstock replay what-if`: a ledger's past under another policy, beside what happened."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.progress import progress
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stack.errors import StackError
from ops.stores import Stores

if TYPE_CHECKING:
    from replay.fork.measures import Tally
    from replay.fork.policy import Policy
    from replay.fork.source import PastOfLedger
    from replay.fork.walk import Point
    from replay.fork.what_if import WhatIf

SKUS_SHOWN = 20
DAY_SECONDS = 86_400
LedgerName = Annotated[
    str, typer.Option("--ledger", help="tenant/ledger, or a ledger of the stack's own tenant.")
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", dir_okay=False, help="A policy as JSON or TOML."),
]
BackorderLimit = Annotated[
    int | None, typer.Option(min=0, help="Units of every item that may be promised beyond on hand.")
]
SafetyStock = Annotated[
    str, typer.Option(help='Units kept back from promises, or "own": what each item says.')
]
ReservationMinutes = Annotated[
    int | None, typer.Option(min=1, help="How long every reservation holds.")
]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("what-if")(what_if)


def what_if(
    *,
    ledger: LedgerName = "main",
    begin: Annotated[
        str, typer.Option("--from", help="A position or an instant; the fork begins behind it.")
    ] = "0",
    until: Annotated[str, typer.Option(help="A position or an instant (default: the end).")] = "",
    policy: PolicyFile = None,
    backorder_limit: BackorderLimit = None,
    safety_stock: SafetyStock = "",
    reservation_minutes: ReservationMinutes = None,
    skus: Annotated[int, typer.Option(min=0, help="How many SKUs to show.")] = SKUS_SHOWN,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Decide a ledger's past again under another policy, and compare it with what happened.

    Oversells, stock-outs and fill rate, in all and for the SKUs that change most. Reads the log
    only, as a role that cannot write; nothing of it reaches the stores. Instants are of the
    business's time. Options go before what the file says.

    For example:

        backstock replay what-if --from 2026-03-01 --backorder-limit 0

        backstock replay what-if --ledger acme/main --from 12000 --policy policy.json --json
    """
    from replay.fork.walk import Window
    from replay.fork.what_if import what_if as decide_again

    chosen = policy_of(policy, backorder_limit, safety_stock, reservation_minutes)
    window = Window(start=point(begin), end=point(until) if until else None)
    started = time.monotonic()
    name = ledger_id(ledger)
    with past_of(name, data) as past, progress("positions") as told:
        head = past.head()
        if isinstance(window.start, int) and window.start >= head:
            raise StackError(f"{name} ends at position {head}: nothing is behind {window.start}")
        result = decide_again(
            name,
            past.commands(head),
            past.refused(),
            past,
            policy=chosen,
            window=window,
            told=lambda position: told(position, head),
        )
    seconds = time.monotonic() - started
    rate = result.position / seconds if seconds else 0.0
    if as_json:
        timing = {"seconds": round(seconds, 3), "positions_per_second": round(rate)}
        print_json(result.as_dict(skus) | timing)
    else:
        _print(result, skus, f"{result.position:,} positions in {seconds:.1f} s ({rate:,.0f}/s)")


def policy_of(
    file: Path | None, backorder_limit: int | None, safety_stock: str, minutes: int | None
) -> "Policy":
    """What file and options say together; the options go first."""
    import msgspec

    from replay.fork.policy import AS_IT_WAS, PolicyError, read_policy

    try:
        chosen = AS_IT_WAS if file is None else read_policy(file)
    except PolicyError as error:
        raise StackError(str(error)) from error
    given: dict[str, Any] = {}
    if backorder_limit is not None:
        given["backorder_limit"] = backorder_limit
    if safety_stock == "own":
        given["safety_stock"] = safety_stock
    elif safety_stock:
        if not (safety_stock.isascii() and safety_stock.isdigit()):
            raise typer.BadParameter(f'--safety-stock {safety_stock}: write units, or "own"')
        given["safety_stock"] = int(safety_stock)
    if minutes is not None:
        given["reservation_seconds"] = 60 * minutes
    return msgspec.structs.replace(chosen, **given)


def point(text: str) -> "Point":
    """A position, or an instant; without an offset it is UTC."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is neither a position such as 12000 nor an instant such as 2026-03-01"
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def ledger_id(name: str) -> str:
    """The ledger's id; one without a tenant is of the stack's own."""
    import re

    from domain.values import SLUG_PATTERN
    from ops.processes.preparation import FIRST_TENANT

    tenant, slash, ledger = name.partition("/") if "/" in name else (FIRST_TENANT, "/", name)
    if not (re.match(SLUG_PATTERN, tenant) and re.match(SLUG_PATTERN, ledger)):
        raise typer.BadParameter(f"{name!r} is no ledger: write tenant/ledger, such as acme/main")
    return f"{tenant}{slash}{ledger}"


@contextmanager
def past_of(ledger: str, data: Path | None) -> Iterator["PastOfLedger"]:
    """One ledger's past, to be read only."""
    from replay.fork.source import PastOfLedger, UnknownLedgerError, read_only_pool

    stores = Stores.of(Settings(data=directory_of(data).root))
    try:
        with read_only_pool(stores.read_dsn, ledger.partition("/")[0]) as pool:
            yield PastOfLedger(pool, ledger)
    except UnknownLedgerError as error:
        raise StackError(str(error)) from error


def _print(result: "WhatIf", skus: int, timing: str) -> None:
    console = Console()
    said = result.policy.as_dict() or "as it was"
    console.print(f"{result.ledger} behind position {result.after_position:,}, policy: {said}")
    console.print(_totals(result))
    for what, times in result.other.most_common():
        console.print(f"{times:,} × {what}", highlight=False)
    refused = result.refused
    counts = (
        (refused.placed, "decided again"),
        (refused.departures, "of promised units that could not leave"),
        (refused.unplaced, "of unknown place"),
        (sum(refused.by_code.values()), "of which only the code is known"),
    )
    told = ", ".join(f"{number:,} {what}" for number, what in counts)
    console.print(f"refused commands: {told}", highlight=False)
    if result.redated:
        console.print(f"{result.redated:,} facts were taken later than they are dated")
    biggest = result.biggest(skus)
    if biggest:
        console.print(_by_sku(biggest))
    if result.is_as_it_happened:
        console.print("The fork comes to exactly what happened.", style="green")
    console.print(timing, highlight=False)


def _totals(result: "WhatIf") -> Table:
    table = Table("", "happened", "fork", "change", box=None, header_style="bold")
    then, now = result.happened, result.forked
    rows = (
        ("units asked for", then.asked, now.asked),
        ("units promised", then.promised, now.promised),
        ("units shipped", then.shipped, now.shipped),
        ("oversells begun", then.oversells, now.oversells),
        ("units oversold", then.oversold, now.oversold),
        ("units promised beyond on hand", then.beyond_on_hand, now.beyond_on_hand),
        ("stock-outs begun", then.stock_outs, now.stock_outs),
        ("stocks at zero at the end", then.at_zero_at_end, now.at_zero_at_end),
    )
    for name, before, after in rows:
        table.add_row(name, f"{before:,}", f"{after:,}", f"{after - before:+,}")
    days = (then.stock_out_seconds / DAY_SECONDS, now.stock_out_seconds / DAY_SECONDS)
    table.add_row("days at zero", *(f"{each:,.1f}" for each in days), f"{days[1] - days[0]:+,.1f}")
    for name, rate in (
        ("fill rate, promised", "fill_rate"),
        ("fill rate, shipped", "shipped_rate"),
    ):
        table.add_row(name, *(_percent(getattr(each, rate)) for each in (then, now)))
    return table


def _by_sku(biggest: "list[tuple[str, Tally, Tally]]") -> Table:
    table = Table(
        *("SKU", "promised", "shipped", "oversold", "beyond on hand", "stock-outs", "days at zero"),
        box=None,
        header_style="bold",
    )
    for sku, then, now in biggest:
        change = now - then
        units = (change.promised, change.shipped, change.oversold, change.beyond_on_hand)
        days = change.stock_out_seconds / DAY_SECONDS
        table.add_row(
            sku, *(f"{each:+,}" for each in units), f"{change.stock_outs:+,}", f"{days:+,.1f}"
        )
    return table


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.2f} %"
