"""`backstock replay promote|rollback|retire|receipt`: which versions answer, with its proof."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Console

from ops.cli.output import print_json
from ops.cli.replaying import Projections, ReplayId
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores

if TYPE_CHECKING:
    from ops.replaying import Replaying
    from replay.cutover import Cutover

OPERATOR = "operator"


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for command in (promote, rollback, retire, receipt):
        group.command()(command)


def promote(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    accept: Annotated[
        str, typer.Option(help="Promote in spite of surprises, for this reason; it is recorded.")
    ] = "",
    difference: Annotated[
        str,
        typer.Option(help="The SHA-256 of what is accepted, by `diff` (default: what is stored)."),
    ] = "",
    by: Annotated[str, typer.Option(help="Who accepts: an opaque id, no name.")] = OPERATOR,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let what a replay built answer: all its read models, in all stores, at one point.

    Refused while cells differ that no stated rule expects, and when they were compared more than 24
    hours ago. Writes and reads go on meanwhile. Leaves a signed receipt in every ledger: the data
    directory must have the key that signs heads. Repeatable: a promotion that was cut short is
    ended.

    For example:

        backstock replay promote

        backstock replay promote stock_levels --accept "damaged returns were counted twice"
    """
    from ops import promotion
    from ops.watched_steps import watched
    from replay.gate import Acceptance

    if difference and not accept:
        raise typer.BadParameter(
            "names what --accept accepts: give both", param_hint="--difference"
        )
    acceptance = None
    if accept:
        acceptance = Acceptance(who=by, why=accept, difference_sha256=difference or None)
    with (
        _chosen(data, replay_id, projections) as (around, found),
        watched(around, found, "promote"),
    ):
        done = promotion.promote(around, found, acceptance)
    _show(done.cutover, {"receipt_sha256": done.receipt.sha256}, as_json=as_json)


def rollback(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let the versions from before the promotion answer again. Takes some two seconds.

    Every ledger is told. The versions may be compared anew, and promoted again.

    For example:

        backstock replay rollback
    """
    from ops import promotion
    from ops.watched_steps import watched

    with (
        _chosen(data, replay_id, projections) as (around, found),
        watched(around, found, "rollback"),
    ):
        done = promotion.rollback(around, found)
    _show(done, {}, as_json=as_json)


def retire(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Drop the replay's versions that do not answer. There is no way back to them.

    For example:

        backstock replay retire
    """
    from ops import promotion
    from ops.watched_steps import watched

    with _chosen(data, replay_id, projections) as (around, found), watched(around, found, "retire"):
        gone = [f"{model.name} v{model.version}" for model in promotion.retire(around, found)]
    if as_json:
        print_json({"replay_id": str(found), "state": "retired", "dropped": gone})
    else:
        Console().print(f"dropped: {', '.join(gone) or 'nothing was left'}", highlight=False)


def receipt(
    projections: Projections = None,
    *,
    replay_id: ReplayId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the receipts of a replay, and check them.

    Checked are hash, signature, root, the stored difference, hash chains, events. What a ledger
    lacks of them is appended first: who promoted may have died before it did.

    Exits with 1 when one does not hold.

    For example:

        backstock replay receipt --json
    """
    from ops import promotion

    with _chosen(data, replay_id, projections) as (around, found):
        promotion.tell_ledgers(around, found)
        receipts = promotion.checked_receipts(around, found)
    ok = not any(each["faults"] for each in receipts)
    if as_json:
        print_json({"replay_id": str(found), "ok": ok, "receipts": receipts})
    else:
        console = Console()
        for each in receipts:
            cutover = each["body"]["cutover"]
            text = f"generation {cutover['generation']}, {cutover['at']}: {each['sha256']}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
            for fault in each["faults"] or ["holds"]:
                console.print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)
    if not ok:
        raise typer.Exit(1)


@contextmanager
def _chosen(
    data: Data, replay_id: UUID | None, projections: list[str] | None
) -> "Iterator[tuple[Replaying, UUID]]":
    from ops.processes.lifecycle import log_to_stderr
    from ops.replaying import replaying
    from replay.showing import find

    log_to_stderr()
    with replaying(Stores.of(Settings(data=directory_of(data).root))) as around:
        with around.pool.connection() as connection:
            found = find(connection, replay_id, projections or ()).replay_id
        yield around, found


def _show(done: "Cutover", more: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        told = {"replay_id": str(done.replay_id), "state": done.direction, **more}
        print_json(told | {"cutover": done.as_dict(), "done_before": done.done_before})
        return
    answering = ", ".join(f"{name} v{version}" for name, version in done.versions.items())
    text = f"{answering} answer since generation {done.generation} ({done.seconds:.1f} s)"
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
