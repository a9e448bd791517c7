"""Every command the ledger takes: imperative, immutable, told apart by `type`.

Commands about items, locations and stock are here, those of other areas in modules of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, cast, get_args

from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from commands.count_messages import AskRecount, CancelCount, EnterCount, PlanCount, SubmitCount
from commands.crossing_messages import DispatchCrossing
from commands.fields import (
    Approver,
    Attributes,
    Change,
    Currency,
    Gtin,
    Id,
    Instant,
    InUnit,
    Latitude,
    Level,
    Longitude,
    MediaUrl,
    Name,
    Note,
    Quantity,
    Reason,
    ReasonCode,
    Text,
    Unit,
)
from commands.fulfilment_messages import (
    CancelPickList,
    CancelShipment,
    CreatePickList,
    DeliverShipment,
    ExchangeOrder,
    InspectReturn,
    PackOrder,
    PickOrder,
    RequestReturn,
    ShipOrder,
)
from commands.kit_messages import Assemble, ComposeKit, DefineUnit, Disassemble
from commands.lot_fields import LotFields
from commands.lot_messages import (
    ChangeLotExpiry,
    EndRecall,
    ExpireLot,
    HoldStock,
    RecallLot,
    RegisterLot,
    ReleaseHold,
    SetHandling,
)
from commands.message import Message
from commands.move_messages import MoveStock
from commands.order_messages import (
    AllocateBackorders,
    AllocateOrder,
    CancelOrder,
    CloseOrder,
    ConfirmPayment,
    PlaceOrder,
    RecordCharge,
    UnitPrice,
)
from commands.payment_messages import RecordPayment
from commands.purchase_messages import (
    ApprovePurchase,
    CancelPurchase,
    ChangePurchase,
    ClosePurchase,
    PlacePurchase,
    ReceivePurchase,
)
from commands.reservation_messages import (
    ExpireCart,
    ExtendCart,
    ExtendReservation,
    ReleaseCart,
    ReserveCart,
    SetPolicy,
)
from commands.transfer_messages import (
    CancelTransfer,
    CloseTransfer,
    DispatchTransfer,
    PlaceTransfer,
    ReceiveTransfer,
)
from commands.write_off_messages import WriteOffStock
from domain.events import Disposition, LocationType, Tracking
from domain.item import ItemChanges
from domain.values import MEDIA_URLS_MAX

MediaUrls = Annotated[tuple[MediaUrl, ...], Field(max_length=MEDIA_URLS_MAX)]
BackorderLimit = Annotated[
    Level, Field(description="Units that may be promised beyond on hand, per location.")
]
ITEM_FIELDS = ItemChanges.__optional_keys__


class RegisterItem(Message):
    """Make an item known by its SKU; anything about its stock needs this first."""

    type_name: ClassVar = "register_item"

    type: Literal["register_item"]
    sku: Id
    name: Name
    description: Text = ""
    category: Note = ""
    media_urls: MediaUrls = ()
    gtin: Gtin | None = None
    unit: Unit = "each"
    tracking: Tracking = "none"
    reorder_point: Level = 0
    safety_stock: Level = 0
    backorder_limit: BackorderLimit = 0
    attributes: Attributes = Field(default_factory=dict)


class DescribeItem(Message):
    """Change what is said about an item: a field that is left out stays as it is."""

    type_name: ClassVar = "describe_item"

    type: Literal["describe_item"]
    sku: Id
    name: Name = ""
    description: Text = ""
    category: Note = ""
    media_urls: MediaUrls = ()
    gtin: Gtin | None = None
    unit: Unit = ""
    tracking: Tracking = "none"
    reorder_point: Level = 0
    safety_stock: Level = 0
    backorder_limit: BackorderLimit = 0
    attributes: Attributes = Field(default_factory=dict)

    def changes(self) -> ItemChanges:
        """The fields that were given, also those given as their default."""
        given = self.model_fields_set & ITEM_FIELDS
        return cast("ItemChanges", {name: getattr(self, name) for name in sorted(given)})

    def body(self) -> str:
        # Here a field left out and one set to its default are two different wishes.
        given = sorted(self.model_fields_set & ITEM_FIELDS)
        return f"{given} {self.model_dump_json(exclude={'key'})}"


class DiscontinueItem(Message):
    """No more receipts and no more backorders; what is left may still be sold."""

    type_name: ClassVar = "discontinue_item"

    type: Literal["discontinue_item"]
    sku: Id
    reason: Note = ""


class RegisterLocation(Message):
    """Make a place known where stock can be."""

    type_name: ClassVar = "register_location"

    type: Literal["register_location"]
    location: Id
    name: Name
    location_type: LocationType = "warehouse"
    latitude_microdegrees: Latitude | None = None
    longitude_microdegrees: Longitude | None = None
    parent: Annotated[
        Id | None, Field(description="The location that this one is a part of, as a bin is.")
    ] = None

    @model_validator(mode="after")
    def coordinates_come_in_pairs(self) -> Self:
        if (self.latitude_microdegrees is None) != (self.longitude_microdegrees is None):
            raise PydanticCustomError("coordinates", "give latitude and longitude, or neither")
        return self


class _Stock(Message):
    """A command about one SKU at one location."""

    sku: Id
    location: Id


class ReceiveStock(LotFields, _Stock):
    """Units came in. A fact: refused only when the item or location is unknown or discontinued."""

    type_name: ClassVar = "receive_stock"

    type: Literal["receive_stock"]
    quantity: Quantity
    unit: InUnit = None
    document: Annotated[Note, Field(description="Delivery note, purchase order or the like.")] = ""


class AdjustStock(LotFields, _Stock):
    """Units were lost (negative) or found (positive) outside a count. A fact.

    Damaged units that leave are adjusted with `condition` damaged: they are held no more.
    """

    type_name: ClassVar = "adjust_stock"

    type: Literal["adjust_stock"]
    delta: Change
    unit: InUnit = None
    reason: Reason
    condition: Annotated[
        Disposition,
        Field(description="`damaged`: units that are held; no more of them go than there are."),
    ] = "stock"
    reason_code: ReasonCode | None = None
    document: Note = ""
    approved_by: Approver | None = None


class CountStock(LotFields, _Stock):
    """Somebody counted: on hand was `counted` at `occurred_at`. A fact."""

    type_name: ClassVar = "count_stock"

    type: Literal["count_stock"]
    count_id: Id
    counted: Level


class ReserveStock(_Stock):
    """Promise units until `expires_at`; refused when fewer are available."""

    type_name: ClassVar = "reserve_stock"

    type: Literal["reserve_stock"]
    reservation_id: Id
    quantity: Quantity
    unit: InUnit = None
    expires_at: Instant


class ReleaseReservation(_Stock):
    """Give a reservation's units back before they are shipped."""

    type_name: ClassVar = "release_reservation"

    type: Literal["release_reservation"]
    reservation_id: Id


class ExpireReservation(_Stock):
    """Give a reservation's units back because its time is over; refused before that."""

    type_name: ClassVar = "expire_reservation"

    type: Literal["expire_reservation"]
    reservation_id: Id


class ShipStock(LotFields, _Stock):
    """Units left: against a reservation, or straight from what is available."""

    type_name: ClassVar = "ship_stock"

    type: Literal["ship_stock"]
    quantity: Quantity
    unit: InUnit = None
    reservation_id: Id | None = None
    unit_price_micros: UnitPrice | None = None
    currency: Currency | None = None

    @model_validator(mode="after")
    def a_price_names_its_currency(self) -> Self:
        if (self.unit_price_micros is None) != (self.currency is None):
            raise PydanticCustomError("price", "give unit_price_micros and currency, or neither")
        return self


class ReturnStock(LotFields, _Stock):
    """Units came back: to stock, or damaged (then they are held and cannot be promised)."""

    type_name: ClassVar = "return_stock"

    type: Literal["return_stock"]
    quantity: Quantity
    unit: InUnit = None
    to: Disposition = "stock"
    order_id: Id | None = None
    reason: Note = ""


Command = Annotated[
    RegisterItem
    | DescribeItem
    | DiscontinueItem
    | RegisterLocation
    | ReceiveStock
    | AdjustStock
    | CountStock
    | ReserveStock
    | ReleaseReservation
    | ExpireReservation
    | ShipStock
    | ReturnStock
    | SetHandling
    | RegisterLot
    | HoldStock
    | ReleaseHold
    | ExpireLot
    | RecallLot
    | EndRecall
    | ChangeLotExpiry
    | PlaceOrder
    | AllocateOrder
    | AllocateBackorders
    | ConfirmPayment
    | CreatePickList
    | CancelPickList
    | PickOrder
    | PackOrder
    | ShipOrder
    | DeliverShipment
    | CancelShipment
    | CancelOrder
    | CloseOrder
    | RequestReturn
    | InspectReturn
    | ExchangeOrder
    | RecordCharge
    | ReserveCart
    | ExtendCart
    | ReleaseCart
    | ExpireCart
    | ExtendReservation
    | SetPolicy
    | RecordPayment
    | DispatchCrossing
    | DefineUnit
    | ComposeKit
    | Assemble
    | Disassemble
    | PlanCount
    | EnterCount
    | AskRecount
    | SubmitCount
    | CancelCount
    | WriteOffStock
    | PlacePurchase
    | ApprovePurchase
    | ChangePurchase
    | ReceivePurchase
    | ClosePurchase
    | CancelPurchase
    | PlaceTransfer
    | DispatchTransfer
    | ReceiveTransfer
    | CloseTransfer
    | CancelTransfer
    | MoveStock,
    Field(discriminator="type"),
]
COMMAND: TypeAdapter[Command] = TypeAdapter(Command)
COMMAND_TYPES: Mapping[str, type[Message]] = {
    message.type_name: message for message in get_args(get_args(Command)[0])
}
