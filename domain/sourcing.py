"""Where an order's lines without a location are to come from: one function, four strategies.

fixed_order     as the order names the locations
nearest         by distance, which `by_distance` put the locations in when the order was placed
highest_stock   the location first that can send most of what is wanted
fewest_parcels  the fewest locations that can send everything; with more combinations than are
                looked at, the one next that adds most

Each line is taken from the first location that has units of it, then from the next. What no
location has is put down to the first one, to wait there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final

from domain.coordinates import kilometres
from domain.events import ConsideredLocation, OrderUnits, Strategy
from domain.location import Location

COMBINATIONS_MAX: Final = 2_000  # sets of locations that are tried before the next best one is
DISTANCE_UNKNOWN: Final = -1
Rooms = Mapping[tuple[str, str], int]
"""(SKU, location): units that could be promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Of the `quantity` at most `takes` units are promised, whatever there is."""

    line: int
    sku: str
    quantity: int
    takes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`covered` units can be promised, `missing` ones cannot, where they would wait."""

    covered: tuple[OrderUnits, ...]
    missing: tuple[OrderUnits, ...]
    considered: tuple[ConsideredLocation, ...]
    reason: str


def by_distance(
    locations: Sequence[str],
    places: Mapping[str, Location | None],
    destination: tuple[int, int],
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The locations, nearest first, and their kilometres; those without coordinates come last.

    `destination` is (latitude, longitude) in millionths of a degree.
    """
    found = []
    for number, name in enumerate(locations):
        place, away = places.get(name), DISTANCE_UNKNOWN
        if place and place.latitude_microdegrees is not None:
            assert place.longitude_microdegrees is not None, "coordinates come in pairs"
            away = kilometres(
                place.latitude_microdegrees, place.longitude_microdegrees, *destination
            )
        found.append((away == DISTANCE_UNKNOWN, away, number, name))
    found.sort()
    return tuple(each[3] for each in found), tuple(each[1] for each in found)


def choose(
    strategy: Strategy,
    needs: Sequence[Need],
    locations: Sequence[str],
    rooms: Rooms,
    distances: Sequence[int] = (),
) -> Choice:
    """`distances` are the locations' kilometres where they are known."""
    wanted: dict[str, int] = {}
    for need in needs:
        wanted[need.sku] = wanted.get(need.sku, 0) + need.takes
    could = {name: _could(wanted, name, rooms) for name in locations}
    ranked = list(locations)
    if strategy == "highest_stock":
        ranked.sort(key=lambda name: -could[name])
    elif strategy == "fewest_parcels":
        ranked = _fewest(wanted, ranked, rooms)
    covered, missing = _filled(needs, ranked, rooms, waits_at=(ranked or list(locations))[0])
    away = dict(zip(locations, distances, strict=False))
    considered = tuple(
        ConsideredLocation(
            location=name,
            units=could[name],
            kilometres=known if (known := away.get(name, DISTANCE_UNKNOWN)) >= 0 else None,
        )
        for name in locations
    )
    reason = _reason(strategy, covered, missing, could, away)
    return Choice(covered=covered, missing=missing, considered=considered, reason=reason)


def _could(wanted: Mapping[str, int], location: str, rooms: Rooms) -> int:
    return sum(min(units, rooms.get((sku, location), 0)) for sku, units in wanted.items())


def _together(wanted: Mapping[str, int], locations: Iterable[str], rooms: Rooms) -> int:
    """Units of what is wanted that these can send between them."""
    names = list(locations)
    return sum(
        min(units, sum(rooms.get((sku, name), 0) for name in names))
        for sku, units in wanted.items()
    )


def _fewest(wanted: Mapping[str, int], locations: list[str], rooms: Rooms) -> list[str]:
    useful = [name for name in locations if _could(wanted, name, rooms)]
    best = _together(wanted, useful, rooms)
    tried = 0
    for size in range(1, len(useful) + 1):
        tried += comb(len(useful), size)
        if tried > COMBINATIONS_MAX:
            break
        for chosen in combinations(useful, size):
            if _together(wanted, chosen, rooms) == best:
                return list(chosen)
    picked: list[str] = []
    left = dict(wanted)
    while best:
        others = (name for name in useful if name not in picked)
        picked.append(max(others, key=lambda name: _could(left, name, rooms)))
        best -= _could(left, picked[-1], rooms)
        for sku, units in left.items():
            left[sku] = units - min(units, rooms.get((sku, picked[-1]), 0))
    return picked


def _filled(
    needs: Sequence[Need], ranked: Sequence[str], rooms: Rooms, *, waits_at: str
) -> tuple[tuple[OrderUnits, ...], tuple[OrderUnits, ...]]:
    left = dict(rooms)
    covered, missing = [], []
    for need in needs:
        units, may_take = need.quantity, need.takes
        for name in ranked:
            taken = min(may_take, left.get((need.sku, name), 0))
            if taken > 0:
                left[need.sku, name] -= taken
                units -= taken
                may_take -= taken
                covered.append(OrderUnits(line=need.line, location=name, quantity=taken))
        if units:
            missing.append(OrderUnits(line=need.line, location=waits_at, quantity=units))
    return tuple(covered), tuple(missing)


def _reason(
    strategy: Strategy,
    covered: Iterable[OrderUnits],
    missing: Iterable[OrderUnits],
    could: Mapping[str, int],
    away: Mapping[str, int],
) -> str:
    short = sum(units.quantity for units in missing)
    sends: dict[str, int] = {}
    for units in covered:
        sends[units.location] = sends.get(units.location, 0) + units.quantity
    wanted = sum(sends.values()) + short
    told = []
    for name, units_sent in sends.items():
        figure = f"{units_sent} of {wanted}"
        if strategy == "highest_stock":
            figure += f", could send {could[name]}"
        elif away.get(name, DISTANCE_UNKNOWN) >= 0:
            figure += f", {away[name]} km"
        told.append(f"{name} ({figure})")
    rest = f"; {short} nowhere" if short else ""
    return f"{strategy.replace('_', ' ')}: {', '.join(told) or 'none'}{rest}"
