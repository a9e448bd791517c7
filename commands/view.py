"""One command's sight of its ledger, over what its batch did, over what the log has confirmed.

A refused command's sight is dropped; an accepted one's changes become the batch's. Nothing here is
shared between threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar, cast

from commands.folds import Folded, StreamKey, folded
from domain.aggregates import State
from domain.assembly import Assembly
from domain.cart import Cart
from domain.charge import Charge
from domain.crossing import Crossing
from domain.cycle_count import CycleCount
from domain.events import StockEvent
from domain.item import Item
from domain.location import Location
from domain.lot import Lot
from domain.order import Order
from domain.payment import Payment
from domain.policy import Policy
from domain.purchase import Purchase
from domain.serial import Serial
from domain.shelf import Shelf
from domain.stock import Stock
from domain.stock_history import StockHistory
from domain.streams import (
    POLICY_STREAM,
    assembly_stream,
    cart_stream,
    charge_stream,
    count_stream,
    crossing_stream,
    item_stream,
    location_stream,
    lot_stream,
    order_stream,
    payment_stream,
    purchase_stream,
    serial_stream,
    sku_and_location,
    stock_stream,
    transfer_stream,
)
from domain.transfer import Transfer
from domain.values import Fact

Found = TypeVar("Found")
Layers = tuple[Mapping[StreamKey, Found], ...]


class StreamNotLoadedError(Exception):
    """A decision asked for streams that were not read before the lock: read them and try again."""

    def __init__(self, key: StreamKey, *others: StreamKey) -> None:
        super().__init__(f"stream {key[1]!r} of ledger {key[0]!r} is not in memory")
        self.keys = (key, *others)


class States(Protocol):
    """What lies below: a batch's changes, or the writer's confirmed memory."""

    @property
    def layers(self) -> Layers[Folded]:
        """Where streams are looked for, uppermost first; the maps themselves, not copies."""

    @property
    def histories(self) -> Layers[StockHistory]:
        """The whole pasts of stocks that were read for this batch, likewise."""


class Overlay:
    """Changes that nobody has committed yet, over the states they change."""

    __slots__ = ("changed", "histories", "layers", "rewritten")

    def __init__(self, below: States) -> None:
        self.changed: dict[StreamKey, Folded] = {}
        self.rewritten: dict[StreamKey, StockHistory] = {}
        self.layers: Layers[Folded] = (self.changed, *below.layers)
        self.histories: Layers[StockHistory] = (
            (self.rewritten, *below.histories) if any(below.histories) else ()
        )

    def state_of(self, key: StreamKey) -> Folded:
        for layer in self.layers:
            found = layer.get(key)
            if found is not None:
                return found
        raise StreamNotLoadedError(key)

    def history_of(self, key: StreamKey) -> StockHistory | None:
        for layer in self.histories:
            found = layer.get(key)
            if found is not None:
                return found
        return None

    def take(self, upper: Overlay) -> None:
        """Make the changes of an overlay over this one its own."""
        self.changed.update(upper.changed)
        self.rewritten.update(upper.rewritten)


class CommandView(Overlay):
    """`decided` are the command's facts with the stream versions they get.

    With `unread`, lots and serials that are not in memory are noted there, and nobody knows them:
    a decision then goes on to name all it lacks, and what it says counts for nothing.
    """

    __slots__ = ("_ledger", "_noted", "decided")

    def __init__(self, ledger: str, below: States, *, unread: set[StreamKey] | None = None) -> None:
        super().__init__(below)
        self._ledger = ledger
        self._noted = unread
        self.decided: list[tuple[int, Fact]] = []

    def item(self, sku: str) -> Item | None:
        return cast("Item | None", self._state(item_stream(sku)))

    def location(self, location: str) -> Location | None:
        return cast("Location | None", self._state(location_stream(location)))

    def stock(self, sku: str, location: str) -> Stock:
        return cast("Stock", self._state(stock_stream(sku, location)))

    def order(self, order_id: str) -> Order | None:
        return cast("Order | None", self._state(order_stream(order_id)))

    def orders(self, order_ids: Iterable[str]) -> Mapping[str, Order | None]:
        states = self._states({order_id: order_stream(order_id) for order_id in order_ids})
        return cast("Mapping[str, Order | None]", states)

    def charge(self, charge_id: str) -> Charge | None:
        return cast("Charge | None", self._state(charge_stream(charge_id)))

    def lot(self, sku: str, lot: str) -> Lot | None:
        return cast("Lot | None", self._state(lot_stream(sku, lot)))

    def cart(self, reservation_id: str) -> Cart | None:
        return cast("Cart | None", self._state(cart_stream(reservation_id)))

    def crossing(self, crossing_id: str) -> Crossing | None:
        return cast("Crossing | None", self._state(crossing_stream(crossing_id)))

    def payment(self, payment_id: str) -> Payment | None:
        return cast("Payment | None", self._state(payment_stream(payment_id)))

    def policy(self) -> Policy | None:
        return cast("Policy | None", self._state(POLICY_STREAM))

    def assembly(self, assembly_id: str) -> Assembly | None:
        return cast("Assembly | None", self._state(assembly_stream(assembly_id)))

    def count(self, count_id: str) -> CycleCount | None:
        return cast("CycleCount | None", self._state(count_stream(count_id)))

    def purchase(self, purchase_id: str) -> Purchase | None:
        return cast("Purchase | None", self._state(purchase_stream(purchase_id)))

    def transfer(self, transfer_id: str) -> Transfer | None:
        return cast("Transfer | None", self._state(transfer_stream(transfer_id)))

    def shelf(self, sku: str, location: str) -> Shelf:
        stream = stock_stream(sku, location)
        return self.shelves((stream,))[stream]

    def shelves(self, stock_streams: Iterable[str]) -> Mapping[str, Shelf]:
        ledger, state_of = self._ledger, self.state_of
        locations: dict[str, Location | None] = {}
        shelves = {}
        for stream in stock_streams:
            sku, place = sku_and_location(stream)
            if place not in locations:
                locations[place] = self.location(place)
            key = (ledger, stream)
            shelves[stream] = Shelf(
                stock=cast("Stock", state_of(key).state),
                item=cast("Item | None", state_of((ledger, item_stream(sku))).state),
                location=locations[place],
                history=self.history_of(key) if self.histories else None,
                identities=self,
            )
        return shelves

    def lots(self, sku: str, names: Iterable[str]) -> Mapping[str, Lot | None]:
        """`domain.register.Identities`."""
        states = self._states({name: lot_stream(sku, name) for name in names})
        return cast("Mapping[str, Lot | None]", states)

    def serials(
        self, sku: str, names: Iterable[str], likely: Iterable[str] = ()
    ) -> Mapping[str, Serial | None]:
        """`domain.register.Identities`."""
        streams = {name: serial_stream(sku, name) for name in names}
        states = self._states(streams, (serial_stream(sku, name) for name in likely))
        return cast("Mapping[str, Serial | None]", states)

    def require(self, streams: Iterable[str]) -> None:
        """Raise one error for all of them that are not in memory, rather than one for each."""
        if missing := self._unread(streams):
            raise StreamNotLoadedError(*missing)

    def version(self, stream: str) -> int:
        return self.state_of((self._ledger, stream)).version

    def after(self, facts: Iterable[Fact]) -> CommandView:
        """The sight as it will be once these facts are applied: for what a command does next."""
        later = CommandView(self._ledger, self, unread=self._noted)
        later.apply(facts)
        return later

    def apply(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            key = (self._ledger, fact.stream)
            before = self.state_of(key)
            if fact.after is None:
                after = folded(before, fact.event, fact.occurred_at)
            else:
                state = cast("State", fact.after)
                after = Folded(before.version + 1, state, before.snapshot_version)
            self.changed[key] = after
            self.decided.append((after.version, fact))
            history = self.history_of(key) if self.histories else None
            if history is not None:
                event = cast("StockEvent", fact.event)
                self.rewritten[key] = history.then([(event, fact.occurred_at)])

    def _states(
        self, streams: Mapping[str, str], likely: Iterable[str] = ()
    ) -> Mapping[str, State | None]:
        """All of them; of those that are not in memory, and the likely ones then, see `unread`."""
        missing = self._unread(streams.values())
        if not missing:
            return {name: self._state(stream) for name, stream in streams.items()}
        missing += self._unread(likely)
        if self._noted is None:
            raise StreamNotLoadedError(*missing)
        self._noted.update(missing)
        return dict.fromkeys(streams)

    def _unread(self, streams: Iterable[str]) -> list[StreamKey]:
        keys = [(self._ledger, stream) for stream in streams]
        return [key for key in keys if all(layer.get(key) is None for layer in self.layers)]

    def _state(self, stream: str) -> State | None:
        return self.state_of((self._ledger, stream)).state


class OnStocks(Protocol):
    """A document that is about stocks: an order, a purchase, a transfer or a cart."""

    @property
    def stock_streams(self) -> tuple[str, ...]: ...


def shelves_of(document: OnStocks | None, view: CommandView) -> Mapping[str, Shelf]:
    """Of every stock that it is about; none when there is no such document."""
    return view.shelves(document.stock_streams if document else ())
