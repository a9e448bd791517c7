"""Every fact the ledger can hold, as a frozen type. The stored form of each is pinned by
`eventlog.codec`; each is described where it is declared, in `domain.facts`.

Quantities are whole units of the item's unit (int). Money is an integer in millionths of the
currency's major unit (`unit_price_micros`), because real price lists go below the minor unit.
Instants inside an event are aware UTC datetimes; when a fact happened (`occurred_at`) belongs to
the envelope, not to the event. Customers and actors are opaque subject ids: no event has a field
for a person's name or address.
"""

from __future__ import annotations

from domain.facts.arrivals import ArrivalClosed, ArrivalExpected, ArrivalOutcome, ArrivalSource
from domain.facts.assemblies import KitAssembled, KitDisassembled
from domain.facts.backorders import BackorderClosed, BackorderOutcome, StockBackordered
from domain.facts.carts import (
    CartConverted,
    CartExpired,
    CartExtended,
    CartLine,
    CartReleased,
    CartReserved,
)
from domain.facts.charges import ChargeRecorded
from domain.facts.counts import (
    CountCancelled,
    CountedLot,
    CountEntered,
    CountLine,
    CountPlanned,
    CountPosted,
    CountSubmitted,
    PostedLine,
    RecountAsked,
)
from domain.facts.crossings import (
    CrossingArrived,
    CrossingDispatched,
    CrossingHandedOver,
    CrossingLine,
    CrossingReturned,
)
from domain.facts.fulfilments import (
    InspectedLine,
    Inspection,
    LineQuantity,
    OrderExchanged,
    OrderPacked,
    OrderPicked,
    PickedLine,
    PickListCancelled,
    PickListCreated,
    ReturnInspected,
    ReturnRequested,
    ShipmentCancelled,
    ShipmentDelivered,
)
from domain.facts.holds import HoldKind, HoldReleased, StockHeld, StockWrittenOff
from domain.facts.items import (
    Component,
    HandlingSet,
    ItemDescribed,
    ItemDiscontinued,
    ItemRegistered,
    KitComposed,
    Removal,
    Tracking,
    UnitDefined,
)
from domain.facts.lines import LineLot, LineUnits
from domain.facts.locations import LocationNested, LocationRegistered, LocationType
from domain.facts.lots import LotExpiryChanged, LotLocated, LotRecalled, LotRegistered, RecallEnded
from domain.facts.moves import (
    StockArrived,
    StockConsumed,
    StockDispatched,
    StockMovedIn,
    StockMovedOut,
    StockProduced,
)
from domain.facts.orders import (
    Allocation,
    ConsideredLocation,
    OrderAllocated,
    OrderBackordered,
    OrderCancelled,
    OrderClosed,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderShipped,
    OrderSourced,
    OrderUnits,
    OrderUnitsAllocated,
    PaymentTerms,
    ShippedLine,
    Strategy,
)
from domain.facts.payments import (
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefundDue,
    PaymentRefunded,
    PaymentTimedOut,
)
from domain.facts.picks import PickedShipped, StockPicked, StockUnpicked
from domain.facts.policies import PolicySet, QuotaOpened, ReservedUnitsCounted
from domain.facts.promises import (
    CommitmentReleased,
    PromiseKind,
    ReservationExpired,
    ReservationExtended,
    ReservationReleased,
    ShortfallStated,
    StockCommitted,
    StockReserved,
    StockShipped,
    UncoveredPromise,
)
from domain.facts.purchases import (
    PurchaseApproved,
    PurchaseCancelled,
    PurchaseChanged,
    PurchaseClosed,
    PurchaseLine,
    PurchasePlaced,
    PurchaseReceived,
    ReceivedLine,
)
from domain.facts.replays import ReplayPromoted, ReplayRolledBack
from domain.facts.serials import SerialLeft, SerialPlaced
from domain.facts.stock import (
    CountRestated,
    DiscrepancyFound,
    Disposition,
    StockAdjusted,
    StockCounted,
    StockReceived,
    StockReturned,
)
from domain.facts.traces import StockTraced, TracedUnits
from domain.facts.transfers import (
    ArrivedLine,
    Remainder,
    TransferCancelled,
    TransferClosed,
    TransferDispatched,
    TransferLine,
    TransferPlaced,
    TransferReceived,
)

ItemEvent = (
    ItemRegistered | ItemDescribed | ItemDiscontinued | UnitDefined | KitComposed | HandlingSet
)
LocationEvent = LocationRegistered | LocationNested
StockEvent = (
    StockReceived
    | StockAdjusted
    | StockCounted
    | CountRestated
    | DiscrepancyFound
    | StockReserved
    | ReservationExtended
    | ReservationReleased
    | ReservationExpired
    | StockCommitted
    | CommitmentReleased
    | StockShipped
    | StockReturned
    | ShortfallStated
    | StockPicked
    | StockUnpicked
    | PickedShipped
    | StockHeld
    | HoldReleased
    | StockWrittenOff
    | ArrivalExpected
    | ArrivalClosed
    | StockBackordered
    | BackorderClosed
    | StockMovedOut
    | StockMovedIn
    | StockDispatched
    | StockArrived
    | StockConsumed
    | StockProduced
    | StockTraced
)
OrderEvent = (
    OrderPlaced
    | OrderAllocated
    | OrderShipped
    | OrderCancelled
    | OrderSourced
    | OrderUnitsAllocated
    | OrderBackordered
    | OrderPaid
    | OrderClosed
    | PickListCreated
    | PickListCancelled
    | OrderPicked
    | OrderPacked
    | ShipmentDelivered
    | ShipmentCancelled
    | ReturnRequested
    | ReturnInspected
    | OrderExchanged
)
PurchaseEvent = (
    PurchasePlaced
    | PurchaseApproved
    | PurchaseChanged
    | PurchaseReceived
    | PurchaseClosed
    | PurchaseCancelled
)
TransferEvent = (
    TransferPlaced | TransferDispatched | TransferReceived | TransferClosed | TransferCancelled
)
ChargeEvent = ChargeRecorded
CartEvent = CartReserved | CartExtended | CartReleased | CartExpired | CartConverted
PolicyEvent = PolicySet | ReservedUnitsCounted | QuotaOpened
ReplayEvent = ReplayPromoted | ReplayRolledBack
LotEvent = LotRegistered | LotLocated | LotExpiryChanged | LotRecalled | RecallEnded
SerialEvent = SerialPlaced | SerialLeft
AssemblyEvent = KitAssembled | KitDisassembled
CountEvent = (
    CountPlanned | CountEntered | RecountAsked | CountPosted | CountSubmitted | CountCancelled
)
CrossingEvent = CrossingDispatched | CrossingHandedOver | CrossingReturned | CrossingArrived
PaymentEvent = (
    PaymentAuthorised
    | PaymentCaptured
    | PaymentFailed
    | PaymentRefunded
    | PaymentRefundDue
    | PaymentTimedOut
)
Event = (
    ItemEvent
    | LocationEvent
    | StockEvent
    | OrderEvent
    | ChargeEvent
    | LotEvent
    | SerialEvent
    | CartEvent
    | PolicyEvent
    | PurchaseEvent
    | TransferEvent
    | ReplayEvent
    | ReplayEvent
    | AssemblyEvent
    | CountEvent
    | PaymentEvent
    | CrossingEvent
)
