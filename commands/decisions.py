"""What the domain decides on commands about items, locations and stock.

Pure, from one command's sight of its ledger.

Facts or a refusal. A stream that was not read before raises StreamNotLoadedError.
"""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from commands import messages as say
from commands import write_off_messages as write_off_say
from commands.own_units import in_own_units
from commands.view import CommandView
from domain import item, location, promises, stock_facts, write_offs
from domain.events import ItemRegistered, LocationRegistered, StockWrittenOff
from domain.grounds import Grounds, rules_of
from domain.refusals import Refusal
from domain.values import Facts, Occasion

# --- items, locations -----------------------------------------------------------------------------


def register_item(
    command: say.RegisterItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = ItemRegistered(
        sku=command.sku,
        name=command.name,
        description=command.description,
        category=command.category,
        media_urls=command.media_urls,
        gtin=command.gtin,
        unit=command.unit,
        tracking=command.tracking,
        reorder_point=command.reorder_point,
        safety_stock=command.safety_stock,
        backorder_limit=command.backorder_limit,
        attributes=command.attributes,
    )
    return item.register(view.item(command.sku), proposed, occasion)


def describe_item(
    command: say.DescribeItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return item.describe(view.item(command.sku), command.sku, command.changes(), occasion)


def discontinue_item(
    command: say.DiscontinueItem, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return item.discontinue(view.item(command.sku), command.sku, command.reason, occasion)


def register_location(
    command: say.RegisterLocation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = LocationRegistered(
        location=command.location,
        name=command.name,
        type=command.location_type,
        latitude_microdegrees=command.latitude_microdegrees,
        longitude_microdegrees=command.longitude_microdegrees,
    )
    return location.register(
        view.location(command.location),
        proposed,
        occasion,
        parent_id=command.parent,
        parent=None if command.parent is None else view.location(command.parent),
    )


# --- stock ----------------------------------------------------------------------------------------


@in_own_units
def receive_stock(
    command: say.ReceiveStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return stock_facts.receive(
        view.shelf(command.sku, command.location),
        command.quantity,
        occasion,
        document=command.document,
        units=command.named_units(),
    )


@in_own_units
def adjust_stock(
    command: say.AdjustStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    grounds = Grounds(
        reason_code=command.reason_code or "",
        document=command.document,
        approved_by=command.approved_by,
    )
    return stock_facts.adjust(
        view.shelf(command.sku, command.location),
        command.delta,
        command.reason,
        occasion,
        condition=command.condition,
        units=command.named_units(),
        grounds=grounds,
        rules=rules_of(view.policy()),
    )


@in_own_units
def write_off_stock(
    command: write_off_say.WriteOffStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = StockWrittenOff(
        sku=command.sku,
        location=command.location,
        quantity=command.quantity,
        reason_code=command.reason_code,
        hold_id=command.hold_id,
        reason=command.reason,
        document=command.document,
        approved_by=command.approved_by,
    )
    return write_offs.write_off(
        view.shelf(command.sku, command.location),
        proposed,
        occasion,
        units=command.named_units(),
        rules=rules_of(view.policy()),
    )


def count_stock(command: say.CountStock, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    shelf = view.shelf(command.sku, command.location)
    return stock_facts.count(
        shelf, command.count_id, command.counted, occasion, units=command.named_units()
    )


@in_own_units
def return_stock(
    command: say.ReturnStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return stock_facts.accept_return(
        view.shelf(command.sku, command.location),
        command.quantity,
        occasion,
        to=command.to,
        order_id=command.order_id,
        order=None if command.order_id is None else view.order(command.order_id),
        reason=command.reason,
        units=command.named_units(),
    )


@in_own_units
def ship_stock(command: say.ShipStock, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return promises.ship(
        view.shelf(command.sku, command.location),
        command.quantity,
        occasion,
        reservation_id=command.reservation_id,
        unit_price_micros=command.unit_price_micros,
        currency=command.currency,
        units=command.named_units(),
    )


@in_own_units
def reserve_stock(
    command: say.ReserveStock, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    return promises.reserve(
        view.shelf(command.sku, command.location),
        command.reservation_id,
        command.quantity,
        command.expires_at,
        occasion,
        policy=view.policy(),
    )
