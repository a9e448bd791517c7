"""However stock comes and orders are served, a kit of theirs is promised whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.events import Component, OrderLine, OrderPlaced
from domain.item import Item
from domain.kit_lines import with_parts
from domain.order import Order
from domain.refusals import Refusal
from tests.builders import item
from tests.order_world import OrderWorld, line, promises_match

SKUS, PLACES = ("A", "B", "C"), ("X", "Y")
KITS = {
    "SET": {"A": 2, "B": 1},
    "BOX": {"B": 3, "C": 1, "A": 1},
}
some = st.integers(1, 5)
places = st.sampled_from(PLACES)
wanted = st.lists(
    st.tuples(st.sampled_from([*KITS, *SKUS]), st.sampled_from([*PLACES, None]), some),
    min_size=1,
    max_size=3,
)
arrivals = st.tuples(st.just("receive"), st.sampled_from(SKUS), places, some)
steps = st.lists(
    st.one_of(
        arrivals,
        arrivals,
        st.tuples(st.just("serve"), st.sampled_from(SKUS), places),
        st.tuples(st.just("place"), wanted, st.booleans()),
        st.tuples(st.just("allocate"), st.integers(0, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
    ),
    max_size=25,
)


def find(sku: str) -> Item | None:
    parts = (Component(sku=part, quantity=units) for part, units in KITS.get(sku, {}).items())
    return replace(item(sku), components=tuple(parts))


def exploded(lines: list[tuple[str, str | None, int]]) -> tuple[OrderLine, ...]:
    ordered = tuple(line(n, units, sku, place) for n, (sku, place, units) in enumerate(lines, 1))
    done = with_parts(OrderPlaced(order_id="o", lines=ordered), find, lambda *_: 0)
    assert isinstance(done, OrderPlaced)
    return done.lines


def whole_kits(order: Order) -> dict[int, set[float]]:
    """Of each kit's line, for how many kits each of its parts is held."""
    held = dict.fromkeys((each.line for each in order.lines), 0)
    for each in order.so_far().allotments.values():
        held[each.line] += each.held
    found: dict[int, set[float]] = {}
    for kit in order.lines:
        for part in order.lines:
            if part.part_of == kit.line:
                found.setdefault(kit.line, set()).add(
                    held[part.line] * kit.quantity / part.quantity
                )
    return found


@given(steps)
def test_kits_are_promised_whole(steps: list[tuple[object, ...]]) -> None:
    world = OrderWorld()
    orders: list[str] = []
    for step in steps:
        match step:
            case ("receive", str(sku), str(place), int(units)):
                world.receive(units, sku, place)
            case ("serve", str(sku), str(place)):
                world.serve(sku, place)
            case ("place", list(lines), bool(waits)):
                terms: dict[str, Any] = {"sourcing": "fewest_parcels", "locations": PLACES}
                anywhere = any(place is None for _, place, _ in lines)
                done = world.place(
                    f"o{len(orders)}",
                    *exploded(lines),
                    allocation="partial",
                    backorder=waits,
                    **(terms if anywhere else {}),
                )
                orders += [] if isinstance(done, Refusal) else [f"o{len(orders)}"]
            case (what, int(number)) if orders:
                end = world.cancel if what == "cancel" else world.allocate
                end(orders[number % len(orders)])
        for name in orders:
            for line_number, kits in whole_kits(world.known(name)).items():
                assert len(kits) == 1, f"{name}, line {line_number}: {kits} kits"
                assert all(each.is_integer() for each in kits), f"{name}: {kits}"
        promises_match(world)
