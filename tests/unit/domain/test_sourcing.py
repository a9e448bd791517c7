"""Where lines without a location come from, what was considered, and why."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.coordinates import DEGREE, ONE, QUARTER, cosine, kilometres, sine
from domain.events import (
    BackorderClosed,
    ConsideredLocation,
    OrderSourced,
    OrderUnits,
    Strategy,
)
from domain.location import Location
from domain.refusals import UnknownLocation
from domain.refusals_orders import NotSourceable
from domain.sourcing import Choice, Need, by_distance, choose
from tests.order_world import OrderWorld, kinds, line, promises_match

LONDON, PARIS, NEW_YORK, SYDNEY = (
    (51_507_400, -127_800),
    (48_856_600, 2_352_200),
    (40_712_800, -74_006_000),
    (-33_868_800, 151_209_300),
)
latitudes = st.integers(-90 * DEGREE, 90 * DEGREE)
longitudes = st.integers(-180 * DEGREE, 180 * DEGREE)


def took(choice: Choice) -> list[tuple[int, str, int]]:
    return [(each.line, each.location, each.quantity) for each in choice.covered]


def of_two(strategy: Strategy, rooms: dict[tuple[str, str], int]) -> Choice:
    needs = [
        Need(line=1, sku="A", quantity=4, takes=4),
        Need(line=2, sku="B", quantity=2, takes=2),
    ]
    return choose(strategy, needs, ("X", "Y", "Z"), rooms, (5, 9, -1))


def test_fixed_order_takes_from_the_first_that_has_units_then_the_next() -> None:
    choice = of_two("fixed_order", {("A", "X"): 3, ("A", "Y"): 9, ("B", "Z"): 2})
    assert took(choice) == [(1, "X", 3), (1, "Y", 1), (2, "Z", 2)]
    assert choice.missing == ()
    assert choice.considered == (
        ConsideredLocation(location="X", units=3, kilometres=5),
        ConsideredLocation(location="Y", units=4, kilometres=9),
        ConsideredLocation(location="Z", units=2),
    )


def test_highest_stock_begins_where_most_of_what_is_wanted_is() -> None:
    choice = of_two("highest_stock", {("A", "X"): 99, ("A", "Y"): 4, ("B", "Y"): 1, ("B", "Z"): 5})
    assert took(choice) == [(1, "Y", 4), (2, "Y", 1), (2, "Z", 1)]
    assert choice.reason == ("highest stock: Y (5 of 6, could send 5), Z (1 of 6, could send 2)")


def test_fewest_parcels_prefers_one_location_to_the_first_ones() -> None:
    rooms = {("A", "X"): 3, ("B", "X"): 2, ("A", "Y"): 1, ("A", "Z"): 4, ("B", "Z"): 2}
    assert took(of_two("fewest_parcels", rooms)) == [(1, "Z", 4), (2, "Z", 2)]


def test_fewest_parcels_takes_a_pair_when_no_location_has_everything() -> None:
    rooms = {("A", "X"): 2, ("A", "Y"): 2, ("B", "Y"): 2, ("A", "Z"): 3}
    assert took(of_two("fewest_parcels", rooms)) == [(1, "X", 2), (1, "Y", 2), (2, "Y", 2)]


def test_fewest_parcels_looks_at_no_more_sets_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.sourcing.COMBINATIONS_MAX", 2)
    rooms = {("A", "X"): 2, ("A", "Y"): 2, ("B", "Y"): 2, ("A", "Z"): 3}
    assert took(of_two("fewest_parcels", rooms)) == [(1, "Y", 2), (1, "X", 2), (2, "Y", 2)]


def test_what_nobody_has_is_put_down_to_the_first_choice() -> None:
    choice = of_two("nearest", {("A", "Y"): 3})
    assert choice.missing == (
        OrderUnits(line=1, location="X", quantity=1),
        OrderUnits(line=2, location="X", quantity=2),
    )
    assert choice.reason == "nearest: Y (3 of 6, 9 km); 3 nowhere"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(LONDON, PARIS, 343), (LONDON, NEW_YORK, 5_570), (LONDON, SYDNEY, 16_993)],
)
def test_distances_are_those_of_the_globe(
    one: tuple[int, int], other: tuple[int, int], expected: int
) -> None:
    assert abs(kilometres(*one, *other) - expected) <= 1


@given(latitudes, longitudes, latitudes, longitudes)
def test_a_distance_is_what_the_haversine_of_floats_comes_to(
    lat: int, lon: int, to_lat: int, to_lon: int
) -> None:
    north, south = math.radians(lat / DEGREE), math.radians(to_lat / DEGREE)
    across, around = (south - north) / 2, math.radians((to_lon - lon) / DEGREE) / 2
    chord = math.sin(across) ** 2 + math.cos(north) * math.cos(south) * math.sin(around) ** 2
    expected = 12_742.018 * math.asin(min(1.0, math.sqrt(chord)))
    # Near the antipode the sine hardly says how far it is: half a kilometre in twenty thousand.
    assert abs(kilometres(lat, lon, to_lat, to_lon) - expected) < 20
    assert kilometres(lat, lon, to_lat, to_lon) == kilometres(to_lat, to_lon, lat, lon)


@given(st.integers(-10 * QUARTER, 10 * QUARTER))
def test_sines_are_exact_to_a_millionth_of_a_millionth_or_so(angle: int) -> None:
    radians = math.radians(angle / DEGREE)
    assert abs(sine(angle) / ONE - math.sin(radians)) < 1e-9
    assert abs(cosine(angle) / ONE - math.cos(radians)) < 1e-9


def place(name: str, at: tuple[int, int] | None) -> Location:
    latitude, longitude = at or (None, None)
    return Location(
        location=name, name=name, latitude_microdegrees=latitude, longitude_microdegrees=longitude
    )


def test_nearest_orders_by_distance_and_what_is_unknown_comes_last() -> None:
    places = {"ny": place("ny", NEW_YORK), "?": place("?", None), "paris": place("paris", PARIS)}
    ranked, away = by_distance(("ny", "?", "paris", "gone"), places, LONDON)
    assert ranked == ("paris", "ny", "?", "gone")
    assert (away[0], away[2:]) == (343, (-1, -1))


def test_the_choice_is_in_the_event() -> None:
    world = OrderWorld()
    world.receive(3, place="X")
    world.receive(9, place="Y")
    done = world.place("o", line(1, 4, place=None), sourcing="fixed_order", locations=("X", "Y"))
    assert isinstance(done, list)
    assert done[1] == OrderSourced(
        order_id="o",
        strategy="fixed_order",
        lines=(
            OrderUnits(line=1, location="X", quantity=3),
            OrderUnits(line=1, location="Y", quantity=1),
        ),
        considered=(
            ConsideredLocation(location="X", units=3),
            ConsideredLocation(location="Y", units=4),
        ),
        reason="fixed order: X (3 of 4), Y (1 of 4)",
    )
    assert kinds(done)[2:] == ["OrderUnitsAllocated", "StockCommitted", "StockCommitted"]
    assert world.known().status == "allocated"
    world.ship("o", shipment_id="s")
    assert world.known().status == "shipped"
    promises_match(world)


def test_two_lines_of_one_item_are_not_sourced_from_the_same_units() -> None:
    world = OrderWorld()
    world.receive(5)
    done = world.place(
        "o",
        line(1, 3, place=None),
        line(2, 3, place=None),
        sourcing="fixed_order",
        locations=("X",),
    )
    assert done == NotSourceable(line=2, sku="A", requested=3, available=5, locations=("X",))


def test_what_waits_is_sourced_anew_where_stock_has_come() -> None:
    world = OrderWorld()
    terms: dict[str, Any] = {"sourcing": "fixed_order", "locations": ("X", "Y"), "backorder": True}
    world.place("o", line(1, 4, place=None), **terms)
    assert world.stock("A", "X").waiting == 4
    world.receive(4, place="Y")
    done = world.allocate()
    assert isinstance(done, list)
    assert (
        BackorderClosed(
            sku="A", location="X", order_id="o", line=1, quantity=4, outcome="resourced"
        )
        in done
    )
    assert (world.stock("A", "X").waiting, world.stock("A", "Y").committed) == (0, 4)
    promises_match(world)


def test_a_location_nobody_knows_is_no_candidate() -> None:
    world = OrderWorld()
    shelves = world.shelves(["stock-A@X", "stock-A@Y"])
    assert shelves
    world.places["Y"] = None  # type: ignore[assignment] # as if it was never registered
    done = world.place("o", line(1, 1, place=None), sourcing="fixed_order", locations=("X", "Y"))
    assert done == UnknownLocation(location="Y", line=1)


def test_what_is_allocated_later_is_sourced_then() -> None:
    world = OrderWorld()
    world.place(
        "o",
        line(1, 4, place=None),
        allocate=False,
        sourcing="highest_stock",
        locations=("X", "Y"),
    )
    world.receive(4, place="Y")
    assert "OrderSourced" in kinds(world.allocate())
    assert world.stock("A", "Y").committed == 4


def test_units_that_are_sourced_elsewhere_leave_the_queue_and_the_rest_keeps_its_place() -> None:
    world = OrderWorld()
    world.place(
        "o",
        line(1, 5, place=None),
        sourcing="fixed_order",
        locations=("X", "Y"),
        allocation="partial",
        backorder=True,
    )
    world.place("later", line(1, 1), backorder=True)
    world.receive(2, place="Y")
    world.allocate("o")
    assert world.stock("A", "Y").committed == 2
    assert [(each.order_id, each.quantity) for each in world.stock().queue.values()] == [
        ("o", 3),
        ("later", 1),
    ]
    promises_match(world)
