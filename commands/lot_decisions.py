"""What the domain decides on lots, holds and recalls: pure, from one command's sight."""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from collections.abc import Iterable

from commands import lot_messages as say
from commands.answers import Result
from commands.own_units import in_own_units
from commands.view import CommandView
from domain import holds, item, lot, lot_expiry, recalls
from domain.events import (
    HandlingSet,
    LotExpiryChanged,
    LotRecalled,
    LotRegistered,
    RecallEnded,
    StockHeld,
)
from domain.grounds import Grounds, rules_of
from domain.refusals import Refusal
from domain.streams import item_stream, location_stream, lot_stream, sku_and_location
from domain.values import Facts, Occasion

OfLot = say.RecallLot | say.EndRecall | say.ChangeLotExpiry


def set_handling(
    command: say.SetHandling, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = HandlingSet(
        sku=command.sku, removal=command.removal, shelf_life_days=command.shelf_life_days
    )
    return item.set_handling(view.item(command.sku), proposed, occasion)


def register_lot(
    command: say.RegisterLot, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = LotRegistered(
        sku=command.sku,
        lot=command.lot,
        expires_on=command.expires_on,
        made_on=command.made_on,
        origin=command.origin,
    )
    known = view.lot(command.sku, command.lot)
    return lot.register(known, view.item(command.sku), proposed, occasion)


@in_own_units
def hold_stock(command: say.HoldStock, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    proposed = StockHeld(
        sku=command.sku,
        location=command.location,
        hold_id=command.hold_id,
        kind=command.kind,
        quantity=command.quantity,
        lot=command.lot,
        reason_code=command.reason_code or "",
        reason=command.reason,
        document=command.document,
        approved_by=command.approved_by,
    )
    shelf = view.shelf(command.sku, command.location)
    return holds.hold(shelf, proposed, occasion, rules=rules_of(view.policy()))


@in_own_units
def release_hold(
    command: say.ReleaseHold, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    return holds.release(
        shelf,
        command.hold_id,
        command.quantity,
        occasion,
        reason=command.reason,
        grounds=Grounds(document=command.document, approved_by=command.approved_by),
        rules=rules_of(view.policy()),
    )


def expire_lot(command: say.ExpireLot, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return holds.expire_lot(view.shelf(command.sku, command.location), command.lot, occasion)


def recall_lot(command: say.RecallLot, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    proposed = LotRecalled(
        sku=command.sku,
        lot=command.lot,
        recall_id=command.recall_id,
        reason_code=command.reason_code,
        reason=command.reason,
    )
    known = view.lot(command.sku, command.lot)
    shelves = view.shelves(recalls.stock_streams(known))
    return recalls.recall(known, proposed, shelves, occasion)


def end_recall(command: say.EndRecall, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    proposed = RecallEnded(
        sku=command.sku, lot=command.lot, recall_id=command.recall_id, reason=command.reason
    )
    known = view.lot(command.sku, command.lot)
    shelves = view.shelves(recalls.stock_streams(known))
    return recalls.end_recall(known, proposed, shelves, occasion)


def change_lot_expiry(
    command: say.ChangeLotExpiry, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = LotExpiryChanged(
        sku=command.sku, lot=command.lot, expires_on=command.expires_on, reason=command.reason
    )
    known = view.lot(command.sku, command.lot)
    shelves = view.shelves(recalls.stock_streams(known))
    return lot_expiry.change(known, proposed, shelves, occasion)


def recall_streams(command: OfLot, view: CommandView) -> Iterable[str]:
    """The stocks of the lot's locations are known when the lot is: until then this raises."""
    yield lot_stream(command.sku, command.lot)
    yield item_stream(command.sku)
    for stream in recalls.stock_streams(view.lot(command.sku, command.lot)):
        yield stream
        yield location_stream(sku_and_location(stream)[1])


def recall_result(command: OfLot, view: CommandView) -> Result:
    """Every location that has units of the lot."""
    holders = []
    for stream in recalls.stock_streams(view.lot(command.sku, command.lot)):
        sku, location = sku_and_location(stream)
        units = view.stock(sku, location).lots.get(command.lot)
        if units is not None:
            holders.append(
                {
                    "location": location,
                    "on_hand": units.on_hand,
                    "held": units.held,
                    "picked": units.picked,
                }
            )
    return {"holders": holders}
