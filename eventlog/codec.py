"""Events to stored bytes and back. The names here are in the log for ever: add, never rename.

`data` is compact JSON of the fact's fields in their order, without those that equal their default;
an instant is RFC 3339 in UTC with Z. The chain hashes these bytes, so encoding is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, cast, get_args, get_type_hints

import msgspec

from domain import events as facts
from domain.events import Event
from eventlog.upcasters import STEPS, Step, next_version, unchanged, upcast

TYPE_NAMES: Mapping[type, str] = {
    facts.ItemRegistered: "item.registered.v1",
    facts.ItemDescribed: "item.described.v1",
    facts.ItemDiscontinued: "item.discontinued.v1",
    facts.UnitDefined: "item.unit_defined.v1",
    facts.KitComposed: "item.kit_composed.v1",
    facts.HandlingSet: "item.handling_set.v1",
    facts.LocationRegistered: "location.registered.v1",
    facts.LocationNested: "location.nested.v1",
    facts.StockReceived: "stock.received.v1",
    facts.StockAdjusted: "stock.adjusted.v2",
    facts.StockCounted: "stock.counted.v1",
    facts.CountRestated: "stock.count_restated.v1",
    facts.DiscrepancyFound: "stock.discrepancy_found.v1",
    facts.StockReserved: "stock.reserved.v1",
    facts.ReservationExtended: "stock.reservation_extended.v1",
    facts.ReservationReleased: "stock.reservation_released.v1",
    facts.ReservationExpired: "stock.reservation_expired.v1",
    facts.StockCommitted: "stock.committed.v1",
    facts.CommitmentReleased: "stock.commitment_released.v1",
    facts.StockShipped: "stock.shipped.v1",
    facts.StockReturned: "stock.returned.v1",
    facts.ShortfallStated: "stock.shortfall_stated.v1",
    facts.StockPicked: "stock.picked.v1",
    facts.StockUnpicked: "stock.unpicked.v1",
    facts.PickedShipped: "stock.picked_shipped.v1",
    facts.StockHeld: "stock.held.v1",
    facts.HoldReleased: "stock.hold_released.v1",
    facts.StockWrittenOff: "stock.written_off.v1",
    facts.ArrivalExpected: "stock.arrival_expected.v1",
    facts.ArrivalClosed: "stock.arrival_closed.v1",
    facts.StockBackordered: "stock.backordered.v1",
    facts.BackorderClosed: "stock.backorder_closed.v1",
    facts.StockMovedOut: "stock.moved_out.v1",
    facts.StockMovedIn: "stock.moved_in.v1",
    facts.StockDispatched: "stock.dispatched.v1",
    facts.StockArrived: "stock.arrived.v1",
    facts.StockConsumed: "stock.consumed.v1",
    facts.StockProduced: "stock.produced.v1",
    facts.StockTraced: "stock.traced.v1",
    facts.LotRegistered: "lot.registered.v1",
    facts.LotLocated: "lot.located.v1",
    facts.LotRecalled: "lot.recalled.v1",
    facts.LotExpiryChanged: "lot.expiry_changed.v1",
    facts.RecallEnded: "lot.recall_ended.v1",
    facts.SerialPlaced: "serial.placed.v1",
    facts.SerialLeft: "serial.left.v1",
    facts.OrderPlaced: "order.placed.v2",
    facts.OrderAllocated: "order.allocated.v1",
    facts.OrderShipped: "order.shipped.v2",
    facts.OrderCancelled: "order.cancelled.v1",
    facts.OrderSourced: "order.sourced.v1",
    facts.OrderUnitsAllocated: "order.units_allocated.v1",
    facts.OrderBackordered: "order.backordered.v1",
    facts.OrderPaid: "order.paid.v1",
    facts.OrderClosed: "order.closed.v1",
    facts.PickListCreated: "order.pick_list_created.v1",
    facts.PickListCancelled: "order.pick_list_cancelled.v1",
    facts.OrderPicked: "order.picked.v1",
    facts.OrderPacked: "order.packed.v1",
    facts.ShipmentDelivered: "order.shipment_delivered.v1",
    facts.ShipmentCancelled: "order.shipment_cancelled.v1",
    facts.ReturnRequested: "order.return_requested.v1",
    facts.ReturnInspected: "order.return_inspected.v1",
    facts.OrderExchanged: "order.exchanged.v1",
    facts.PurchasePlaced: "purchase.placed.v1",
    facts.PurchaseApproved: "purchase.approved.v1",
    facts.PurchaseChanged: "purchase.changed.v1",
    facts.PurchaseReceived: "purchase.received.v1",
    facts.PurchaseClosed: "purchase.closed.v1",
    facts.PurchaseCancelled: "purchase.cancelled.v1",
    facts.TransferPlaced: "transfer.placed.v1",
    facts.TransferDispatched: "transfer.dispatched.v1",
    facts.TransferReceived: "transfer.received.v1",
    facts.TransferClosed: "transfer.closed.v1",
    facts.TransferCancelled: "transfer.cancelled.v1",
    facts.ChargeRecorded: "charge.recorded.v1",
    facts.CartReserved: "cart.reserved.v1",
    facts.CartExtended: "cart.extended.v1",
    facts.CartReleased: "cart.released.v1",
    facts.CartExpired: "cart.expired.v1",
    facts.CartConverted: "cart.converted.v1",
    facts.PolicySet: "policy.set.v1",
    facts.ReservedUnitsCounted: "policy.reserved_units_counted.v1",
    facts.QuotaOpened: "policy.quota_opened.v1",
    facts.KitAssembled: "assembly.assembled.v1",
    facts.KitDisassembled: "assembly.disassembled.v1",
    facts.CountPlanned: "count.planned.v1",
    facts.CountEntered: "count.entered.v1",
    facts.RecountAsked: "count.recount_asked.v1",
    facts.CountPosted: "count.posted.v1",
    facts.CountSubmitted: "count.submitted.v1",
    facts.CountCancelled: "count.cancelled.v1",
    facts.CrossingDispatched: "crossing.dispatched.v1",
    facts.CrossingHandedOver: "crossing.handed_over.v1",
    facts.CrossingReturned: "crossing.returned.v1",
    facts.CrossingArrived: "crossing.arrived.v1",
    facts.PaymentAuthorised: "payment.authorised.v1",
    facts.PaymentCaptured: "payment.captured.v1",
    facts.PaymentFailed: "payment.failed.v1",
    facts.PaymentRefunded: "payment.refunded.v1",
    facts.PaymentRefundDue: "payment.refund_due.v1",
    facts.PaymentTimedOut: "payment.timed_out.v1",
    facts.ReplayPromoted: "replay.promoted.v1",
    facts.ReplayRolledBack: "replay.rolled_back.v1",
}
EVENT_TYPES: Mapping[str, type] = {name: fact for fact, name in TYPE_NAMES.items()}
# What can be read: today's types, and the older ones that are brought up to them.
KNOWN_TYPES = frozenset(EVENT_TYPES) | frozenset(STEPS)

Document = dict[str, Any]


class UnknownEventType(Exception):
    """No code here reads this type: newer than this process, or not ours. Never guessed at."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"no event type {type_name!r} is known here: is this process up to date?")
        self.type = type_name


class UndecodableEventError(Exception):
    """The bytes do not hold what their type promises."""

    def __init__(self, type_name: str, detail: str) -> None:
        super().__init__(f"an event stored as {type_name!r} cannot be read: {detail}")
        self.type = type_name
        self.detail = detail


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who asked, by which command, and what led to it. `actor` is an opaque subject id."""

    actor: str | None = None
    command_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None


def encode(event: Event) -> tuple[str, bytes]:
    """The stored type name and the exact bytes of `data`."""
    fact = type(event)
    return TYPE_NAMES[fact], _encode_json(_DOCUMENTS[fact](event))


def decode(type_name: str, data: bytes, steps: Mapping[str, Step] = STEPS) -> Event:
    """The fact as today's code knows it. Raises `UnknownEventType` or `UndecodableEventError`."""
    try:
        decoder = _DECODERS.get(type_name)
        if decoder is not None:
            return cast("Event", decoder.decode(data))
        return _decode_older(type_name, data, steps)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableEventError(type_name, str(error)) from error


def encode_metadata(metadata: Metadata) -> bytes:
    """Compact JSON of what is known, in the order of the fields; `b"{}"` when nothing is."""
    return _encode_json(metadata)


def decode_metadata(stored: bytes) -> Metadata:
    """The opposite of `encode_metadata`. Raises `UndecodableEventError`."""
    try:
        return _DECODE_METADATA(stored)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableEventError("metadata", str(error)) from error


def _decode_older(type_name: str, data: bytes, steps: Mapping[str, Step]) -> Event:
    if type_name not in steps:
        raise UnknownEventType(type_name)
    current, document = upcast(type_name, msgspec.json.decode(data, type=Document), steps)
    if current not in EVENT_TYPES:
        raise UnknownEventType(current)
    return cast("Event", msgspec.convert(document, EVENT_TYPES[current]))


def _document_of(fact: type) -> Callable[[Any], Document]:
    """How to turn one type of fact into the document that is stored, decided once per type."""
    hints = get_type_hints(fact)
    plan = [(field.name, field.default, _conversion(hints[field.name])) for field in fields(fact)]

    def document(event: object) -> Document:
        stored = {}
        for name, default, convert in plan:
            value = getattr(event, name)
            if default is MISSING or value != default:
                stored[name] = value if convert is None else convert(value)
        return stored

    return document


def _conversion(hint: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - a type hint has no type
    if hint is datetime:
        return _in_utc
    parts = [part for part in get_args(hint) if is_dataclass(part) and isinstance(part, type)]
    if parts:
        document = _document_of(parts[0])
        return lambda values: [document(value) for value in values]
    return None


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"an instant without a time zone cannot be stored: {instant}")
    return instant.astimezone(UTC)


_encode_json = msgspec.json.Encoder().encode
_DOCUMENTS = {fact: _document_of(fact) for fact in TYPE_NAMES}
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(fact) for name, fact in EVENT_TYPES.items()
}
# Whose fields are today's anyway needs no detour.
_DECODERS |= {
    older: _DECODERS[next_version(older)]
    for older, step in STEPS.items()
    if step is unchanged and next_version(older) in _DECODERS
}
_DECODE_METADATA = msgspec.json.Decoder(Metadata).decode
