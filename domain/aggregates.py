"""All aggregates behind one door, for those who fold streams without caring what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from domain import (
    assembly,
    cart,
    charge,
    crossing,
    cycle_count,
    item,
    location,
    lot,
    moving_stock,
    order,
    payment,
    policy,
    purchase,
    serial,
    transfer,
)
from domain.assembly import Assembly
from domain.cart import Cart
from domain.charge import Charge
from domain.crossing import Crossing
from domain.cycle_count import CycleCount
from domain.events import (
    AssemblyEvent,
    CartConverted,
    CartExpired,
    CartExtended,
    CartReleased,
    CartReserved,
    ChargeRecorded,
    CountEvent,
    CrossingEvent,
    Event,
    HandlingSet,
    ItemDescribed,
    ItemDiscontinued,
    ItemRegistered,
    KitComposed,
    LocationNested,
    LocationRegistered,
    LotExpiryChanged,
    LotLocated,
    LotRecalled,
    LotRegistered,
    OrderEvent,
    PaymentEvent,
    PolicySet,
    PurchaseEvent,
    QuotaOpened,
    RecallEnded,
    ReplayPromoted,
    ReplayRolledBack,
    ReservedUnitsCounted,
    SerialLeft,
    SerialPlaced,
    TransferEvent,
    UnitDefined,
)
from domain.item import Item
from domain.location import Location
from domain.lot import Lot
from domain.order import Order
from domain.payment import Payment
from domain.policy import Policy
from domain.purchase import Purchase
from domain.serial import Serial
from domain.stock import Stock
from domain.streams import StreamKind, kind_of, sku_and_location
from domain.transfer import Transfer

State = (
    Item
    | Location
    | Stock
    | Order
    | Charge
    | Lot
    | Serial
    | Cart
    | Policy
    | Assembly
    | CycleCount
    | Purchase
    | Transfer
    | Payment
    | Crossing
)

STATE_TYPES: Mapping[StreamKind, type[State]] = {
    "item": Item,
    "location": Location,
    "stock": Stock,
    "order": Order,
    "charge": Charge,
    "lot": Lot,
    "serial": Serial,
    "reservation": Cart,
    "policy": Policy,
    "assembly": Assembly,
    "count": CycleCount,
    "purchase": Purchase,
    "transfer": Transfer,
    "payment": Payment,
    "crossing": Crossing,
}


def initial(stream: str) -> State | None:
    """The state before the first event: an empty stock, otherwise None."""
    if kind_of(stream) != "stock":
        return None
    sku, at = sku_and_location(stream)
    return Stock(sku=sku, location=at)


def evolve(state: State | None, event: Event, occurred_at: datetime) -> State | None:
    """Total: an event of another kind than the state leaves it as it is."""
    if isinstance(event, OrderEvent):
        return order.evolve(state if isinstance(state, Order) else None, event, occurred_at)
    match event:
        case (
            ItemRegistered()
            | ItemDescribed()
            | ItemDiscontinued()
            | UnitDefined()
            | KitComposed()
            | HandlingSet()
        ):
            known = state if isinstance(state, Item) else None
            return item.evolve(known, event, occurred_at)
        case LocationRegistered() | LocationNested():
            place = state if isinstance(state, Location) else None
            return location.evolve(place, event, occurred_at)
        case ChargeRecorded():
            return charge.evolve(None, event, occurred_at)
        case LotRegistered() | LotLocated() | LotExpiryChanged() | LotRecalled() | RecallEnded():
            return lot.evolve(state if isinstance(state, Lot) else None, event, occurred_at)
        case SerialPlaced() | SerialLeft():
            return serial.evolve(state if isinstance(state, Serial) else None, event, occurred_at)
        case CartReserved() | CartExtended() | CartReleased() | CartExpired() | CartConverted():
            return cart.evolve(state if isinstance(state, Cart) else None, event, occurred_at)
        case PolicySet() | ReservedUnitsCounted() | QuotaOpened():
            known_policy = state if isinstance(state, Policy) else None
            return policy.evolve(known_policy, event, occurred_at)
        case ReplayPromoted() | ReplayRolledBack():
            return state
        case _ if isinstance(event, AssemblyEvent):
            return assembly.evolve(None, event, occurred_at)
        case _ if isinstance(event, CrossingEvent):
            known_crossing = state if isinstance(state, Crossing) else None
            return crossing.evolve(known_crossing, event, occurred_at)
        case _ if isinstance(event, PaymentEvent):
            known_payment = state if isinstance(state, Payment) else None
            return payment.evolve(known_payment, event, occurred_at)
        case _ if isinstance(event, CountEvent):
            known_count = state if isinstance(state, CycleCount) else None
            return cycle_count.evolve(known_count, event, occurred_at)
        case _ if isinstance(event, PurchaseEvent):
            known_purchase = state if isinstance(state, Purchase) else None
            return purchase.evolve(known_purchase, event, occurred_at)
        case _ if isinstance(event, TransferEvent):
            known_transfer = state if isinstance(state, Transfer) else None
            return transfer.evolve(known_transfer, event, occurred_at)
        case _:
            return (
                moving_stock.evolve(state, event, occurred_at)
                if isinstance(state, Stock)
                else state
            )
