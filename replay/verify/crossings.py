"""Law 5 between ledgers: what left one ledger of a tenant has come in at another, is at its origin
again, or is under way; never two of these, never none, and always the same units.

In each ledger a crossing's document and the stock facts of its command say the same. What the two
ledgers say of each other is compared at the end, in the one snapshot that all of them are read in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from replay.verify.details import Data
from replay.verify.report import LawResult
from replay.verify.rows import EventRow

DISPATCHED, ARRIVED = "crossing.dispatched.v1", "crossing.arrived.v1"
HANDED_OVER, RETURNED = "crossing.handed_over.v1", "crossing.returned.v1"
# Which facts of stocks are of the same command, and where they name the crossing.
LEGS = {
    DISPATCHED: ("stock.dispatched.v1", "transfer_id"),
    RETURNED: ("stock.arrived.v1", "transfer_id"),
    HANDED_OVER: ("stock.arrival_closed.v1", "source_id"),
    ARRIVED: ("stock.received.v1", "document"),
}
Name = tuple[str, str]
"""A ledger, and a crossing in it."""
Units = Counter[tuple[str, str]]
"""By SKU and location of the end that is in the ledger."""
Lines = list[tuple[int, str, int, list[tuple[str, int]]]]


@dataclass(slots=True)
class Departure:
    to: Name
    destination: str
    origin: str
    lines: Lines
    position: int
    status: str = DISPATCHED


@dataclass(slots=True)
class Arrival:
    departed: Name
    destination: str
    lines: Lines
    position: int


class Crossings:
    """Of all ledgers; each is told by its `CrossingCheck`."""

    def __init__(self, law: LawResult) -> None:
        self._law = law
        self.departures: dict[Name, Departure] = {}
        self.arrivals: dict[Name, Arrival] = {}

    def end(self) -> None:
        """After the last ledger."""
        for name, arrival in self.arrivals.items():
            self._law.checked += 1
            departure = self.departures.get(arrival.departed)
            left = None if departure is None else (departure.to, departure.destination)
            if departure is None or left != (name, arrival.destination):
                self._differ(name, arrival.position, _units(arrival.lines), "never sent there")
            elif departure.status == RETURNED:
                told = f"at their origin in ledger {arrival.departed[0]}, or here"
                self._differ(name, arrival.position, told, "both")
            elif departure.lines != arrival.lines:
                told = _units(departure.lines)
                self._differ(name, arrival.position, told, _units(arrival.lines))
        for name, departure in self.departures.items():
            self._law.checked += 1
            if departure.status == HANDED_OVER and departure.to not in self.arrivals:
                found = "handed over, and never arrived there"
                told = f"{_units(departure.lines)} in ledger {departure.to[0]}"
                self._differ(name, departure.position, told, found)

    def _differ(self, name: Name, position: int, expected: str, found: str) -> None:
        self._law.differ(
            where=f"crossing {name[1]} in ledger {name[0]} at position {position}",
            expected=expected,
            found=found,
        )


class CrossingCheck:
    """Of one ledger."""

    def __init__(self, law: LawResult, ledger: str, crossings: Crossings) -> None:
        self._law = law
        self._ledger = ledger
        self._tenant, _, self._short = ledger.partition("/")
        self._crossings = crossings
        self._waits: dict[tuple[str, str, str], Units] = {}
        self._where = ""

    def document(self, row: EventRow, data: Data) -> None:
        """After an event of a crossing was folded. Raises KeyError for one that ends unbegun."""
        crossing_id: str = data["crossing_id"]
        name = self._ledger, crossing_id
        if row.type == DISPATCHED:
            self._crossings.departures[name] = departure = Departure(
                to=(f"{self._tenant}/{data['to_ledger']}", f"{self._short} {crossing_id}"),
                destination=data["destination"],
                origin=data["origin"],
                lines=_lines(data),
                position=row.position,
            )
            self._expect(row, crossing_id, departure.lines, departure.origin)
        elif row.type == ARRIVED:
            departed = crossing_id.removeprefix(f"{data['from_ledger']} ")
            self._crossings.arrivals[name] = arrival = Arrival(
                departed=(f"{self._tenant}/{data['from_ledger']}", departed),
                destination=data["destination"],
                lines=_lines(data),
                position=row.position,
            )
            self._expect(row, crossing_id, arrival.lines, arrival.destination)
        else:
            begun = self._crossings.departures[name]
            if begun.status != DISPATCHED:
                self._law.differ(where=row.name, expected="one end", found=f"{begun.status} before")
            begun.status, begun.position = row.type, row.position
            self._expect(row, crossing_id, begun.lines, begun.origin)

    def stock(self, row: EventRow, data: Data) -> None:
        """After a fact of a stock was folded."""
        for (kind, field, named), units in self._waits.items():
            if row.type == kind and data.get(field) == named:
                units[data["sku"], data["location"]] -= data["quantity"]

    @property
    def waits(self) -> bool:
        """Whether facts of stocks are looked for."""
        return bool(self._waits)

    def end_of_command(self) -> None:
        for units in self._waits.values():
            self._law.checked += 1
            for (sku, location), left in units.items():
                if left:
                    self._law.differ(
                        where=f"{self._where}, {sku} at {location}",
                        expected="as many units as the stock's own facts of the command",
                        found=f"{left:+} beside them",
                    )
        self._waits.clear()

    def _expect(self, row: EventRow, crossing_id: str, lines: Lines, location: str) -> None:
        kind, field = LEGS[row.type]
        units: Units = Counter()
        for _, sku, quantity, _ in lines:
            units[sku, location] += quantity
        self._waits[kind, field, f"crossing {crossing_id}"] = units
        self._where = row.name


def _lines(data: Data) -> Lines:
    return [
        (
            line["line"],
            line["sku"],
            line["quantity"],
            [(lot["lot"], lot["quantity"]) for lot in line.get("lots", ())],
        )
        for line in data["lines"]
    ]


def _units(lines: Lines) -> str:
    told = [
        f"{quantity} {sku}" + "".join(f" {lot}:{units}" for lot, units in lots)
        for _, sku, quantity, lots in lines
    ]
    return ", ".join(told)
