"""What leaves of an order that has progress: which units of which allotments, and from the shelf
or out of somebody's hands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from domain.allocation import skus_of
from domain.events import PickedShipped, ShippedLine, StockShipped
from domain.named_units import NamedByLine, NamedUnits
from domain.order import LineState, Order
from domain.order_drafts import Drafts, Shelves, first
from domain.order_progress import Progress, Taken
from domain.refusals import ExceedsCommitted, InsufficientStock, Refusal, UnknownOrderLine
from domain.refusals_orders import UnknownParcel
from domain.streams import stock_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """What is to leave: the parcels named, the lines named, or with neither everything that can.
    `named`: which lots (or serials) of a line; otherwise the removal order chooses.
    """

    lines: Sequence[ShippedLine] | None = None
    parcels: tuple[str, ...] = ()
    shipment_id: str | None = None
    carrier: str = ""
    tracking: str = ""
    named: NamedByLine = field(default_factory=dict)


EVERYTHING = Consignment()


def shipped_line(order: Order, line: LineState, location: str, units: int) -> StockShipped:
    """Units that leave the shelf for a line."""
    return StockShipped(
        sku=line.sku,
        location=location,
        quantity=units,
        order_id=order.order_id,
        line=line.line,
        unit_price_micros=line.unit_price_micros,
        currency=order.currency,
    )


@dataclass(slots=True)
class _Hold:
    """Lines to be shipped, by line and location; `free` is what may still be taken of each."""

    order: Order
    free: dict[str, int]
    found: dict[tuple[int, str], int] = field(default_factory=dict)

    def add(self, line: int, location: str, units: int) -> None:
        key = (line, location)
        self.found[key] = self.found.get(key, 0) + units

    def lines(self) -> list[ShippedLine]:
        homes = {line.line: line.location for line in self.order.lines}
        return [
            ShippedLine(
                line=line, quantity=units, location=None if homes[line] == location else location
            )
            for (line, location), units in self.found.items()
        ]


def consigned(order: Order, progress: Progress, wanted: Consignment) -> list[ShippedLine] | Refusal:
    """What is to leave, line by line and from where; or why that cannot be."""
    listed = progress.listed()
    free = {
        key: allotment.picked + allotment.committed - listed.get(key, 0)
        for key, allotment in progress.allotments.items()
    }
    hold = _Hold(order, free)
    if wanted.parcels:
        return _in_parcels(progress, wanted.parcels, hold)
    if wanted.lines is not None:
        return first(_in_lines(progress, wanted.lines, hold)) or hold.lines()
    for key, allotment in progress.allotments.items():
        if units := free[key] + allotment.packed:
            hold.add(allotment.line, allotment.location, units)
    return hold.lines()


def _in_parcels(
    progress: Progress, parcels: Iterable[str], hold: _Hold
) -> list[ShippedLine] | Refusal:
    for name in dict.fromkeys(parcels):
        parcel = progress.parcels.get(name)
        if parcel is None or parcel.status != "packed":
            return UnknownParcel(order_id=hold.order.order_id, parcel_id=name)
        for each in parcel.lines:
            hold.add(each.line, parcel.location, each.quantity)
    return hold.lines()


def _in_lines(
    progress: Progress, lines: Iterable[ShippedLine], hold: _Hold
) -> Iterator[UnknownOrderLine | ExceedsCommitted]:
    """Take the lines' units from where they are; says of which lines there are fewer."""
    known, order_id = skus_of(hold.order), hold.order.order_id
    for line in lines:
        if line.line not in known:
            yield UnknownOrderLine(order_id=order_id, line=line.line)
            continue
        left = line.quantity
        for key, allotment in progress.allotments.items():
            wrong_place = line.location is not None and line.location != allotment.location
            if allotment.line != line.line or wrong_place:
                continue
            units = min(left, hold.free[key])
            if units > 0:
                hold.free[key] -= units
                left -= units
                hold.add(line.line, allotment.location, units)
        if left:
            yield ExceedsCommitted(
                order_id=order_id,
                line=line.line,
                requested=line.quantity,
                committed=line.quantity - left,
            )


def not_on_shelf(
    order: Order, leaving: Iterable[Taken], shelves: Shelves
) -> Iterator[InsufficientStock]:
    """Unpicked units that are promised, but not there. What was picked is in somebody's hands."""
    skus = skus_of(order)
    wanted: dict[str, tuple[Taken, int]] = {}
    for each in leaving:
        stream = stock_stream(skus[each.line], each.location)
        first_line, so_far = wanted.get(stream, (each, 0))
        wanted[stream] = (first_line, so_far + each.committed)
    for stream, (first_line, units) in wanted.items():
        stock = shelves[stream].stock
        if units > stock.shippable:
            yield InsufficientStock(
                sku=stock.sku,
                location=stock.location,
                requested=units,
                available=stock.shippable,
                line=first_line.line,
            )


def leave(order: Order, each: Taken, shipment_id: str, drafts: Drafts, units: NamedUnits) -> None:
    """The stock facts of one shipped line: picked units first, then those on the shelf."""
    line = next(line for line in order.lines if line.line == each.line)
    draft = drafts.of(stock_stream(line.sku, each.location))
    if each.packed + each.picked:
        draft.move(
            PickedShipped(
                sku=line.sku,
                location=each.location,
                quantity=each.packed + each.picked,
                order_id=order.order_id,
                line=line.line,
                shipment_id=shipment_id,
                unit_price_micros=line.unit_price_micros,
                currency=order.currency,
            ),
            units=units,
        )
    if each.committed:
        draft.move(shipped_line(order, line, each.location, each.committed), units=units)
