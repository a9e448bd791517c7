"""What one command knows and learns of the lots and serials it touches, over several stocks.

A lot is registered by its first receipt, and its stream names each location it comes to. A serial's
stream says where it is: it can come only to one place while it is in no other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from domain import lot as lots
from domain import serial as serials
from domain.events import (
    LotEvent,
    LotLocated,
    LotRegistered,
    SerialEvent,
    SerialLeft,
    SerialPlaced,
    StockTraced,
    TracedUnits,
)
from domain.item import Item
from domain.lot import Lot, lot_fact
from domain.refusals_lots import LotExpiryDiffers, SerialInPlace
from domain.serial import Serial
from domain.streams import serial_stream
from domain.tracing import Traced, with_expiry
from domain.values import Fact, Occasion, day_of


class Identities(Protocol):
    """Lots and serials as they stood before the command; None for those that nobody knows."""

    def lots(self, sku: str, names: Iterable[str]) -> Mapping[str, Lot | None]: ...

    def serials(
        self, sku: str, names: Iterable[str], likely: Iterable[str] = ()
    ) -> Mapping[str, Serial | None]:
        """`likely` are others that are soon asked for: worth reading along."""


class NothingKnown:
    """Before any lot or serial was ever named."""

    def lots(self, sku: str, names: Iterable[str]) -> Mapping[str, Lot | None]:  # noqa: ARG002
        return dict.fromkeys(names)

    def serials(
        self,
        sku: str,  # noqa: ARG002 - the protocol's
        names: Iterable[str],
        likely: Iterable[str] = (),  # noqa: ARG002 - the protocol's
    ) -> Mapping[str, Serial | None]:
        return dict.fromkeys(names)


NOTHING_KNOWN = NothingKnown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A serial that came to a stock or left it, by the trace that did it."""

    serial: str
    trace: StockTraced
    expires_on: date | None = None


class Register:
    """Of one command; the drafts of all its stocks share it."""

    def __init__(self, identities: Identities, occasion: Occasion) -> None:
        self._known = identities
        self._occasion = occasion
        self._lots: dict[tuple[str, str], Lot | None] = {}
        self._serials: dict[tuple[str, str], Serial | None] = {}
        self.lot_facts: list[Fact] = []
        self.serial_facts: list[Fact] = []

    def lot(self, sku: str, name: str) -> Lot | None:
        """As it stands by now; None also for one that was not asked for yet."""
        return self._lots.get((sku, name))

    def know(self, lot: Lot) -> None:
        """Take over a lot's state, found elsewhere."""
        self._lots[lot.sku, lot.lot] = lot

    def know_lots(self, sku: str, names: Iterable[str]) -> None:
        """Ask for lots that are not known yet."""
        unknown = [name for name in names if (sku, name) not in self._lots]
        if unknown:
            for name, state in self._known.lots(sku, unknown).items():
                self._lots[sku, name] = state

    def come(
        self, item: Item, location: str, units: Traced, came: Collection[str]
    ) -> Traced | LotExpiryDiffers:
        """Those that `came` of the units' lots (or serials) are at the location from now on: the
        same units, with the day each expires on. A lot that nobody knows is registered.
        """
        fresh = _good_until(item, day_of(self._occasion.occurred_at))
        if item.tracking == "serial":
            found = self._serials_of(item.sku, came)
            told = {each.lot: each.expires_on or fresh for each in units}
            expiry = {
                name: told[name] if state is None else state.expires_on
                for name, state in found.items()
            }
            return with_expiry(units, expiry)
        self.know_lots(item.sku, came)
        for each in units:
            known = self.lot(item.sku, each.lot)
            days = () if known is None else (None, known.expires_on, *known.formerly)
            if known is not None and each.expires_on not in days:
                return LotExpiryDiffers(
                    sku=item.sku, lot=each.lot, expires_on=known.expires_on, given=each.expires_on
                )
        lots = [
            self._located(item.sku, location, each, fresh) for each in units if each.lot in came
        ]
        return with_expiry(units, {lot.lot: lot.expires_on for lot in lots})

    def tell(self, event: LotEvent) -> Lot:
        """Add a fact of a lot that was asked for, or registers it."""
        self.lot_facts.append(lot_fact(event, self._occasion))
        key = (event.sku, event.lot)
        lot = lots.evolve(self._lots.get(key), event, self._occasion.occurred_at)
        assert lot is not None, "facts of a lot come after it was registered"
        self._lots[key] = lot
        return lot

    def leave(self, sku: str, moved: Iterable[Moved], likely: Iterable[str]) -> None:
        """Serials left a stock. `likely` are those that may be the next to do so."""
        left = list(moved)
        if left:
            self._serials_of(sku, [each.serial for each in left], likely)
        for each in left:
            self._add(
                SerialLeft(
                    sku=sku,
                    serial=each.serial,
                    location=each.trace.location,
                    cause=each.trace.cause or "adjusted",
                    cause_event_id=each.trace.cause_event_id,
                    order_id=each.trace.order_id,
                    reference=each.trace.reference,
                )
            )

    def place(self, sku: str, moved: Iterable[Moved]) -> SerialInPlace | None:
        """Serials came to a stock; not if one is elsewhere."""
        came = list(moved)
        found = self._serials_of(sku, [each.serial for each in came]) if came else {}
        for each in came:
            known = found[each.serial]
            if known is not None and known.location is not None:
                return SerialInPlace(sku=sku, serial=each.serial, location=known.location)
            self._add(
                SerialPlaced(
                    sku=sku,
                    serial=each.serial,
                    location=each.trace.location,
                    cause=each.trace.cause or "adjusted",
                    cause_event_id=each.trace.cause_event_id,
                    order_id=each.trace.order_id,
                    reference=each.trace.reference,
                    expires_on=each.expires_on,
                )
            )
        return None

    def _located(self, sku: str, location: str, units: TracedUnits, fresh: date | None) -> Lot:
        lot = self.lot(sku, units.lot)
        if lot is None:
            expires_on = units.expires_on or fresh
            lot = self.tell(LotRegistered(sku=sku, lot=units.lot, expires_on=expires_on))
        if location not in lot.locations:
            lot = self.tell(LotLocated(sku=sku, lot=units.lot, location=location))
        return lot

    def _serials_of(
        self, sku: str, names: Iterable[str], likely: Iterable[str] = ()
    ) -> Mapping[str, Serial | None]:
        wanted = list(names)
        unknown = [name for name in wanted if (sku, name) not in self._serials]
        if unknown:
            for name, state in self._known.serials(sku, unknown, likely).items():
                self._serials[sku, name] = state
        return {name: self._serials[sku, name] for name in wanted}

    def _add(self, event: SerialEvent) -> None:
        fact = Fact(
            stream=serial_stream(event.sku, event.serial),
            event=event,
            event_id=self._occasion.new_id(),
            occurred_at=self._occasion.occurred_at,
        )
        self.serial_facts.append(fact)
        key = (event.sku, event.serial)
        self._serials[key] = serials.evolve(self._serials.get(key), event, fact.occurred_at)


def _good_until(item: Item, arrives_on: date) -> date | None:
    """The last good day of what arrives then, by the item's shelf life."""
    days = item.shelf_life_days
    return None if days is None else arrives_on + timedelta(days=days)
