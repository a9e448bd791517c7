"""What the domain decides on counts of many SKUs; as in `decisions`."""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from commands import count_messages as say
from commands.view import CommandView
from domain import counting
from domain.events import CountedLot, CountLine, CountPlanned
from domain.refusals import Refusal
from domain.values import Facts, Occasion


def plan_count(command: say.PlanCount, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    proposed = CountPlanned(
        count_id=command.count_id,
        location=command.location,
        skus=tuple(dict.fromkeys(command.skus)),
        categories=tuple(dict.fromkeys(command.categories)),
        note=command.note,
    )
    count, place = view.count(command.count_id), view.location(command.location)
    return counting.plan(count, proposed, place, view.item, occasion)


def enter_count(command: say.EnterCount, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    lines = [
        CountLine(
            line=each.line,
            sku=each.sku,
            counted=each.counted,
            lots=tuple(
                CountedLot(lot=lot.lot, quantity=lot.quantity, expires_on=lot.expires_on)
                for lot in each.lots
            ),
            serials=each.serials,
        )
        for each in command.sound
    ]
    return counting.enter(
        view.count(command.count_id),
        command.count_id,
        lines,
        view.item,
        occasion,
        unreadable=command.unreadable,
    )


def ask_recount(command: say.AskRecount, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    skus = tuple(dict.fromkeys(command.skus))
    count = view.count(command.count_id)
    return counting.ask_recount(count, command.count_id, skus, command.reason, occasion)


def submit_count(
    command: say.SubmitCount, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    count = view.count(command.count_id)
    return counting.submit(
        count,
        command.count_id,
        view.shelves(counting.submitted_streams(count)),
        occasion,
        accept_uncounted=command.accept_uncounted,
    )


def post_count_part(
    command: say.PostCountPart, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    count = view.count(command.count_id)
    return counting.post_part(
        count,
        command.count_id,
        view.shelves(counting.part_streams(count)),
        occasion,
        accept_uncounted=command.accept_uncounted,
    )


def cancel_count(
    command: say.CancelCount, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    count = view.count(command.count_id)
    return counting.cancel(count, command.count_id, command.reason, occasion)
