"""`backstock replay compensate`: what wrong rules decided, and the commands that make up for it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from api.client import Answer, Client
from ops.cli.forking import (
    BackorderLimit,
    LedgerName,
    PolicyFile,
    ReservationMinutes,
    SafetyStock,
    ledger_id,
    past_of,
    point,
    policy_of,
)
from ops.cli.output import print_json
from ops.cli.progress import progress
from ops.cli.stack import AsJson, Data, directory_of
from ops.stack.errors import StackError
from ops.stack.state import StackState

if TYPE_CHECKING:
    from replay.compensation.plan import Plan

SHOWN_MAX = 20
OPERATOR = "operator"
WHO = re.compile(r"[!-~]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Which commands are to be sent, why, and who says so."""

    file: Path
    reason: str
    by: str


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(compensate)


def compensate(
    *,
    ledger: LedgerName = "main",
    begin: Annotated[
        str, typer.Option("--from", help="A position or an instant: what is behind it is judged.")
    ] = "0",
    rules: Annotated[str, typer.Option(help="The rules it should have been decided by.")] = "today",
    policy: PolicyFile = None,
    backorder_limit: BackorderLimit = None,
    safety_stock: SafetyStock = "",
    reservation_minutes: ReservationMinutes = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the proposed commands here, as JSON lines; the rest to OUT.by-hand.jsonl."
        ),
    ] = None,
    approve: Annotated[
        Path | None, typer.Option(help="Send exactly the commands of this file.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why they are approved; kept with the answers.")] = "",
    by: Annotated[str, typer.Option(help="Who approves: an opaque id, no name.")] = OPERATOR,
    url: Annotated[str, typer.Option(envvar="BACKSTOCK_API_URL", help="An API elsewhere.")] = "",
    api_key: Annotated[str, typer.Option(envvar="BACKSTOCK_API_KEY", help="A key for it.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Decide a ledger's past again under corrected rules, and propose what makes up for it.

    Lists each decision that would have been different, and commands such as cancel_order or
    adjust_stock that today's rules would accept; what no command can mend is left to people, with
    the reason. Nothing is sent but a file that is approved: read it, take out what is not wanted,
    and send it. Answers are kept beside it, in FILE.answers.jsonl; each event that a command leads
    to has the file's hash and who approved it as its correlation id.

    For example:

        backstock replay compensate --out plan.jsonl

        backstock replay compensate --approve plan.jsonl --reason "held units were sold in May"
    """
    if approve is not None:
        approval = Approval(file=approve, reason=reason, by=by)
        _send(approval, data, url, api_key, as_json=as_json)
        return
    chosen = policy_of(policy, backorder_limit, safety_stock, reservation_minutes)
    started = time.monotonic()
    plan = _planned(ledger_id(ledger), rules, chosen, begin, data)
    seconds = time.monotonic() - started
    if out is not None:
        _write(plan, out)
    if as_json:
        print_json(plan.as_dict() | {"seconds": round(seconds, 3)})
    else:
        _print(plan, out, seconds)


def _write(plan: "Plan", out: Path) -> None:
    with out.open("wb") as file:
        file.writelines(plan.lines())
    with _by_hand_beside(out).open("wb") as file:
        file.writelines(plan.lines_by_hand())


def _by_hand_beside(out: Path) -> Path:
    return out.with_name(f"{out.name}.by-hand.jsonl")


def _planned(name: str, rules: str, policy: Any, begin: str, data: Path | None) -> "Plan":  # noqa: ANN401 - a Policy
    from replay.compensation.plan import Corrected, compensation_plan
    from replay.compensation.rules import UnknownRulesError

    with past_of(name, data) as past, progress("positions") as told:
        head = past.head()
        try:
            return compensation_plan(
                name,
                past.commands(head),
                past.refused(),
                past,
                corrected=Corrected(rules=rules, policy=policy),
                now=datetime.now(UTC),
                start=point(begin),
                told=lambda position: told(position, head),
            )
        except UnknownRulesError as error:
            raise StackError(str(error)) from error


def _send(approval: Approval, data: Path | None, url: str, api_key: str, *, as_json: bool) -> None:
    """Send each command of the file in its order. What is asked and answered is written down as it
    comes: where it broke off, the same file sent again goes on, for its keys are the same.
    """
    from replay.compensation.approval import NotApprovableError, read_approved

    file, reason, by = approval.file, approval.reason, approval.by
    if not reason.strip():
        raise typer.BadParameter("say why with --reason: it is kept with the answers")
    if not WHO.fullmatch(by):
        raise typer.BadParameter("--by is an id of 1 to 64 printable ASCII characters, no space")
    try:
        approved = read_approved(file)
    except NotApprovableError as error:
        raise StackError(str(error)) from error
    kept = file.with_name(f"{file.name}.answers.jsonl")
    answers: list[Answer] = []
    correlation = f"compensation/{approved.digest}/{by}"
    with _client(data, url, api_key, correlation) as client, kept.open("ab") as log:
        begun = {
            "approved": approved.digest,
            "reason": reason,
            "by": by,
            "correlation_id": correlation,
            "at": datetime.now(UTC).isoformat(),
            "commands": len(approved.bodies),
        }
        _keep(log, begun)
        for body in approved.bodies:
            answer = client.submit(body)
            answers.append(answer)
            told = _told(answer)
            _keep(log, told)
            if not as_json:
                Console().print(_line(body, told), markup=False, highlight=False, soft_wrap=True)
    refused = sum(not answer.accepted for answer in answers)
    if as_json:
        told_all = [_told(answer) for answer in answers]
        print_json(begun | {"refused": refused, "answers": told_all, "kept": str(kept)})
    if refused:
        raise typer.Exit(1)


def _keep(log: Any, entry: dict[str, Any]) -> None:  # noqa: ANN401 - a binary file
    log.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
    log.flush()


def _told(answer: Answer) -> dict[str, Any]:
    return {
        "key": answer.key,
        "outcome": answer.outcome,
        "replayed": answer.replayed,
        "last_position": answer.last_position,
        "refusal": answer.refusal,
    }


def _line(body: dict[str, Any], told: dict[str, Any]) -> str:
    why = "" if told["refusal"] is None else f": {told['refusal'].get('detail', '')}"
    again = " (as before)" if told["replayed"] else ""
    return f"{body['type']} {told['key']} {told['outcome']}{again}{why}"


@contextmanager
def _client(data: Data, url: str, api_key: str, correlation: str) -> Iterator[Client]:
    if not (url and api_key):
        facts = StackState.running(directory_of(data)).facts
        url, api_key = url or facts["api"], api_key or facts["api_key"]
    with Client(url, api_key, correlation_id=correlation) as client:
        yield client


def _print(plan: "Plan", out: Path | None, seconds: float) -> None:
    console = Console()
    rate = plan.position / seconds if seconds else 0.0
    console.print(
        f"{plan.ledger}: {plan.commands:,} commands decided again under {plan.corrected.rules!r},"
        f" {len(plan.differences):,} differ ({seconds:.1f} s, {rate:,.0f} positions/s)",
        highlight=False,
    )
    table = Table("position", "", "", box=None, header_style="bold")
    shown = [
        *((p.difference.position, "propose", _said(p.body)) for p in plan.proposals[:SHOWN_MAX]),
        *((b.difference.position, "by hand", b.why) for b in plan.by_hand[:SHOWN_MAX]),
    ]
    for position, what, said in shown:
        table.add_row(f"{position:,}", what, said)
    if shown:
        console.print(table, markup=False, highlight=False)
    console.print(
        f"{len(plan.proposals):,} proposed, {len(plan.by_hand):,} by hand,"
        f" {len(plan.settled):,} made up for already; nothing was sent",
        highlight=False,
    )
    if plan.beyond:
        console.print(
            f"{plan.beyond:,} more decisions differ than one plan holds: plan them with"
            f" --from {plan.next_start}",
            highlight=False,
        )
    if out is not None:
        console.print(
            f"read {out} and {_by_hand_beside(out).name}, then:"
            f" backstock replay compensate --approve {out} --reason … --by …",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _said(body: dict[str, Any]) -> str:
    named = {name: value for name, value in body.items() if name not in {"key", "ledger", "type"}}
    return f"{body['type']} " + " ".join(f"{name}={value}" for name, value in named.items())
