"""How each fact of an order moves its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from domain.events import (
    OrderAllocated,
    OrderBackordered,
    OrderCancelled,
    OrderClosed,
    OrderEvent,
    OrderExchanged,
    OrderPacked,
    OrderPaid,
    OrderPicked,
    OrderShipped,
    OrderSourced,
    OrderUnitsAllocated,
    PickListCancelled,
    PickListCreated,
    ReturnInspected,
    ReturnRequested,
    ShipmentCancelled,
    ShipmentDelivered,
)
from domain.order_progress import (
    MovingAllotments,
    Parcel,
    PickList,
    Progress,
    Return,
    Shipment,
    Sourced,
    allotment_key,
    shipped_units,
    taken,
)


class Lines(NamedTuple):
    """Of an order, by number: what each is of, the location it names, its units not shipped yet."""

    skus: Mapping[int, str]
    homes: Mapping[int, str | None]
    needs: Mapping[int, int]


def advanced(
    progress: Progress, event: OrderEvent, lines: Lines, occurred_at: datetime
) -> Progress:
    """Total: a fact that speaks of what is not there moves nothing."""
    match event:
        case OrderShipped():
            return _shipped(progress, event, lines, occurred_at)
        case ShipmentCancelled():
            return _shipment_cancelled(progress, event, lines)
        case OrderPicked() | OrderPacked() | PickListCreated() | PickListCancelled():
            return _picked(progress, event, lines)
        case OrderCancelled() | OrderClosed():
            return _let_go(progress, lines)
        case ReturnRequested() | ReturnInspected() | OrderExchanged() | ShipmentDelivered():
            return _afterwards(progress, event, occurred_at)
        case OrderPaid(payment_id=payment_id):
            return replace(progress, payment_id=payment_id)
        case _:
            return _allotted(progress, event, lines)


def _allotted(progress: Progress, event: OrderEvent, lines: Lines) -> Progress:
    moving = MovingAllotments(progress, lines.skus)
    sourced = progress.sourced
    match event:
        case OrderSourced():
            anew = {units.line for units in event.lines}
            for allotment in progress.allotments.values():
                if allotment.line in anew and allotment.waiting:
                    moving.move(allotment.line, allotment.location, waiting=-allotment.waiting)
            sourced = Sourced(
                strategy=event.strategy, reason=event.reason, considered=event.considered
            )
        case OrderUnitsAllocated():
            for units in event.lines:
                known = moving.found.get(allotment_key(units.line, units.location))
                waited = min(units.quantity, known.waiting if known else 0)
                moving.move(units.line, units.location, committed=units.quantity, waiting=-waited)
        case OrderBackordered():
            for units in event.lines:
                moving.move(units.line, units.location, waiting=units.quantity)
        case OrderAllocated():
            for line, location in lines.homes.items():
                known = None if location is None else progress.at(line, location)
                units_left = lines.needs[line] - (known.held if known else 0)
                if location is not None and units_left > 0:
                    waited = known.waiting if known else 0
                    moving.move(line, location, committed=units_left, waiting=-waited)
        case _:
            return progress
    return replace(progress, allotments=moving.found, sourced=sourced)


def _picked(
    progress: Progress,
    event: PickListCreated | PickListCancelled | OrderPicked | OrderPacked,
    lines: Lines,
) -> Progress:
    moving = MovingAllotments(progress, lines.skus)
    match event:
        case PickListCreated(pick_id=pick_id):
            made = PickList(pick_id=pick_id, location=event.location, lines=event.lines)
            return replace(progress, picks={**progress.picks, pick_id: made})
        case PickListCancelled(pick_id=pick_id):
            return replace(progress, picks=_with_status(progress, pick_id, "cancelled"))
        case OrderPicked(pick_id=pick_id, location=location):
            for each in event.lines:
                gone = each.quantity + each.missing
                moving.move(each.line, location, committed=-gone, picked=each.quantity)
            picks = _with_status(progress, pick_id, "picked")
            if pick_id in picks:
                picks[pick_id] = replace(picks[pick_id], picked=event.lines)
            return replace(progress, allotments=moving.found, picks=picks)
        case OrderPacked(parcel_id=parcel_id, location=location):
            for packed in event.lines:
                moving.move(packed.line, location, picked=-packed.quantity, packed=packed.quantity)
            parcel = Parcel(parcel_id=parcel_id, location=location, lines=event.lines)
            parcels = {**progress.parcels, parcel_id: parcel}
            return replace(progress, allotments=moving.found, parcels=parcels)


def _with_status(progress: Progress, pick_id: str, status: str) -> dict[str, PickList]:
    picks = progress.picks.copy()
    if pick_id in picks:
        picks[pick_id] = replace(picks[pick_id], status=status)  # type: ignore[arg-type]
    return picks


def _shipped(
    progress: Progress, event: OrderShipped, lines: Lines, occurred_at: datetime
) -> Progress:
    moving = MovingAllotments(progress, lines.skus)
    for each in taken(progress, event, lines.homes):
        moving.move(
            each.line,
            each.location,
            packed=-each.packed,
            picked=-each.picked,
            committed=-each.committed,
            shipped=each.packed + each.picked + each.committed,
        )
    parcels = progress.parcels.copy()
    for parcel_id in parcels.keys() & set(event.parcels):
        parcels[parcel_id] = replace(
            parcels[parcel_id], status="shipped", shipment_id=event.shipment_id
        )
    shipments = progress.shipments
    if event.shipment_id is not None:
        shipment = Shipment(
            shipment_id=event.shipment_id,
            carrier=event.carrier,
            tracking=event.tracking,
            lines=tuple(shipped_units(event.lines, lines.homes)),
            shipped_at=occurred_at,
        )
        shipments = {**shipments, event.shipment_id: shipment}
    return replace(progress, allotments=moving.found, parcels=parcels, shipments=shipments)


def _shipment_cancelled(progress: Progress, event: ShipmentCancelled, lines: Lines) -> Progress:
    moving = MovingAllotments(progress, lines.skus)
    for units in shipped_units(event.lines, lines.homes):
        moving.move(units.line, units.location, shipped=-units.quantity)
    shipments = progress.shipments.copy()
    if event.shipment_id in shipments:
        known = shipments[event.shipment_id]
        shipments[event.shipment_id] = replace(known, status="cancelled")
    return replace(progress, allotments=moving.found, shipments=shipments)


def _let_go(progress: Progress, lines: Lines) -> Progress:
    moving = MovingAllotments(progress, lines.skus)
    moving.let_go()
    picks = {
        pick_id: replace(pick, status="cancelled") if pick.status == "open" else pick
        for pick_id, pick in progress.picks.items()
    }
    parcels = {
        parcel_id: replace(parcel, status="unpacked") if parcel.status == "packed" else parcel
        for parcel_id, parcel in progress.parcels.items()
    }
    return replace(progress, allotments=moving.found, picks=picks, parcels=parcels)


def _afterwards(
    progress: Progress,
    event: ReturnRequested | ReturnInspected | OrderExchanged | ShipmentDelivered,
    occurred_at: datetime,
) -> Progress:
    match event:
        case ShipmentDelivered(shipment_id=shipment_id):
            shipments = progress.shipments.copy()
            if shipment_id in shipments:
                shipments[shipment_id] = replace(
                    shipments[shipment_id], status="delivered", delivered_at=occurred_at
                )
            return replace(progress, shipments=shipments)
        case ReturnRequested(return_id=return_id):
            back = Return(return_id=return_id, lines=event.lines, reason=event.reason)
            return replace(progress, returns={**progress.returns, return_id: back})
        case ReturnInspected(return_id=return_id):
            returns = progress.returns.copy()
            if return_id in returns:
                known = returns[return_id]
                returns[return_id] = replace(known, inspected=(*known.inspected, *event.lines))
            return replace(progress, returns=returns)
        case OrderExchanged(replacement_id=replacement_id):
            return replace(progress, replacements=(*progress.replacements, replacement_id))
