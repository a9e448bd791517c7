"""Commands of every kind, small and often about the same things, for what is decided twice."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Bodies = st.SearchStrategy[dict[str, Any]]
LATER = "2100-01-01T00:00:00Z"
units = st.integers(1, 9)
recent = st.integers(1, 4)  # Which one: the last, the one before, …
lots = st.sampled_from(["L1", "L1", "L2"])
names = st.sampled_from(["n1", "n2", "n3"])
places = st.sampled_from(["WH", "WH", "SHOP"])


def said(command: str, /, **fields: st.SearchStrategy[Any]) -> Bodies:
    return st.fixed_dictionaries({"type": st.just(command), **fields})


def tracked(command: str, /, **fields: st.SearchStrategy[Any]) -> Bodies:
    """About C, which is told apart by lots: one lot, of all the units."""
    return said(command, sku=st.just("C"), location=places, lot=lots, quantity=units, **fields).map(
        _with_lot
    )


def _with_lot(body: dict[str, Any]) -> dict[str, Any]:
    quantity, lot = body.pop("quantity"), body.pop("lot")
    quantities = {"adjust_stock": {"delta": -quantity}, "count_stock": {"counted": quantity}}
    asked = quantities.get(body["type"], {"quantity": quantity})
    return {**body, **asked, "lots": [{"lot": lot, "quantity": quantity}]}


def of_order(command: str, /, **fields: st.SearchStrategy[Any]) -> Bodies:
    return said(command, order_id=recent, **fields)


def one_line(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.fixed_dictionaries({"line": st.just(1), **fields}).map(lambda line: [line])


skus = st.sampled_from("AABCK")
ordered = one_line(sku=skus, location=places, quantity=units)
sourced = one_line(sku=skus, quantity=units)
terms = st.sampled_from(
    [
        {"allocation": "partial"},
        {"backorder": True},
        {"allocation": "partial", "backorder": True},
        {"payment": "required"},
        {"customer": "sub_" + "c0ffee00" * 4},
    ]
)
candidates: dict[str, st.SearchStrategy[Any]] = {
    "sourcing": st.sampled_from(["fixed_order", "highest_stock", "fewest_parcels"]),
    "locations": st.just(["WH", "SHOP"]),
}
placed = st.one_of(
    st.builds(
        lambda order, more: {**order, **more},
        said("place_order", order_id=st.none(), lines=ordered),
        terms,
    ),
    said("place_order", order_id=st.none(), lines=sourced, **candidates),
    said("place_order", order_id=st.none(), lines=ordered, reservation_id=names),
)
picks = st.sampled_from(["p1", "p2"])
counted_pick = st.none() | one_line(quantity=st.integers(0, 3))
fulfilled = st.one_of(
    of_order("create_pick_list", pick_id=picks, location=places),
    of_order("create_pick_list", pick_id=picks, location=places),
    of_order("cancel_pick_list", pick_id=picks),
    of_order("pick_order", pick_id=picks, lines=counted_pick),
    of_order("pick_order", pick_id=picks, lines=counted_pick),
    of_order("pack_order", parcel_id=names, location=places),
    of_order("ship_order", shipment_id=names),
    of_order("ship_order", parcels=names.map(lambda name: [name])),
    of_order("deliver_shipment", shipment_id=names),
    of_order("cancel_shipment", shipment_id=names),
    of_order("close_order"),
    of_order("confirm_payment", payment_id=names),
    said("allocate_backorders", sku=skus, location=places),
)
inspected = one_line(quantity=units, outcome=st.sampled_from(["restock", "damage", "refuse"]))
back = st.one_of(
    of_order("request_return", return_id=names, lines=one_line(quantity=st.integers(1, 3))),
    of_order("inspect_return", return_id=names, location=places, lines=inspected),
    of_order(
        "exchange_order",
        return_id=names,
        lines=one_line(quantity=st.integers(1, 2)),
        replacement_id=names.map(lambda name: f"for-{name}"),
        replacement_lines=ordered,
    ),
)
carts = st.one_of(
    said("reserve_cart", reservation_id=names, lines=ordered, expires_at=st.integers(5, 40)),
    said("reserve_cart", reservation_id=names, lines=ordered, expires_at=st.just(900)),
    said("extend_cart", reservation_id=names, expires_at=st.integers(20, 60)),
    said("release_cart", reservation_id=names),
    said("expire_cart", reservation_id=names),
)
plain = st.sampled_from("AAB")
holds = st.one_of(
    said(
        "hold_stock",
        sku=plain,
        location=places,
        hold_id=names,
        kind=st.sampled_from(["quality", "damaged"]),
        quantity=units,
    ),
    said("release_hold", sku=plain, location=places, hold_id=names, quantity=st.none() | units),
    said(
        "write_off_stock",
        sku=plain,
        location=places,
        hold_id=st.none() | names,
        quantity=units,
        reason_code=st.just("gone"),
    ),
)
lotted = st.one_of(
    tracked("receive_stock"),
    tracked("receive_stock"),
    tracked("return_stock"),
    tracked("adjust_stock", reason=st.just("?")),
    tracked("count_stock", count_id=st.uuids().map(lambda each: each.hex)),
    tracked("write_off_stock", reason_code=st.just("gone")),
    said("ship_stock", sku=st.just("C"), location=places, quantity=units),
    said("recall_lot", sku=st.just("C"), lot=lots, recall_id=names, reason_code=st.just("r")),
    said("end_recall", sku=st.just("C"), lot=lots, recall_id=names),
    said("register_lot", sku=st.just("C"), lot=lots),
    said("expire_lot", sku=st.just("C"), location=places, lot=lots),
    said(
        "hold_stock",
        sku=st.just("C"),
        location=places,
        lot=lots,
        hold_id=names,
        kind=st.just("quality"),
        quantity=units,
    ),
    said(
        "move_stock",
        sku=st.sampled_from("ABC"),
        origin=st.just("WH"),
        destination=st.just("SHOP"),
        quantity=units,
        move_id=st.just("m"),
    ),
)
sheet = st.tuples(units, units).map(
    lambda counted: [
        {"line": 1, "sku": "A", "counted": counted[0]},
        {"line": 2, "sku": "B", "counted": counted[1]},
    ]
)
counts = st.one_of(
    said("plan_count", count_id=names, location=st.just("WH")),
    said("enter_count", count_id=names, lines=sheet),
    said("submit_count", count_id=names),
    said("submit_count", count_id=names),
)
kits = st.one_of(
    said("assemble", sku=st.just("K"), location=places, quantity=recent, assembly_id=st.none()),
    said("disassemble", sku=st.just("K"), location=places, quantity=recent, assembly_id=st.none()),
)
crossed = st.one_of(
    said(
        "dispatch_crossing",
        crossing_id=names,
        to_ledger=st.just("other"),
        origin=st.just("WH"),
        destination=st.just("there"),
        lines=one_line(sku=st.sampled_from("AC"), quantity=units),
    ),
    said("hand_over_crossing", crossing_id=names),
    said("return_crossing", crossing_id=names, code=st.just("unknown_item")),
    said(
        "arrive_crossing",
        crossing_id=names.map(lambda name: f"acme/other {name}"),
        from_ledger=st.just("other"),
        destination=places,
        lines=one_line(sku=plain, quantity=units),
    ),
)
everything = st.one_of(placed, fulfilled, back, carts, holds, lotted, lotted, counts, kits, crossed)
ids = st.uuids().map(lambda each: each.hex[:8])
few = st.integers(1, 4)


def flow(*steps: Bodies) -> st.SearchStrategy[list[dict[str, Any]]]:
    """One after the other, some left out; a `name` in it is the same for all."""
    kept = st.lists(st.integers(0, 9), min_size=len(steps), max_size=len(steps))
    return st.builds(
        lambda name, bodies, dice: [
            {field: name if value == "name" else value for field, value in body.items()}
            for body, pips in zip(bodies, dice, strict=True)
            if pips
        ],
        ids,
        st.tuples(*steps),
        kept,
    )


def last(command: str, /, **fields: st.SearchStrategy[Any]) -> Bodies:
    return said(command, order_id=st.just(1), **fields)


name = st.just("name")
small = one_line(sku=skus, location=places, quantity=few)
placing = st.one_of(
    said("place_order", order_id=st.none(), lines=small),
    said("place_order", order_id=st.none(), lines=small, backorder=st.just(True)),
    said("place_order", order_id=st.none(), lines=sourced, **candidates),
)
picked = (
    placing,
    last("create_pick_list", pick_id=name, location=places),
    last("pick_order", pick_id=name, lines=counted_pick),
)
leaving = (
    last("pack_order", parcel_id=name, location=places),
    last("ship_order", shipment_id=name),
)
coming_back = (
    last("request_return", return_id=name, lines=one_line(quantity=st.integers(1, 2))),
    last("inspect_return", return_id=name, location=places, lines=inspected),
)
kept_for = st.fixed_dictionaries({"sku": plain, "location": st.just("WH"), "hold_id": name})
flows = st.one_of(
    flow(*picked, *leaving),
    flow(*picked, *leaving, last("deliver_shipment", shipment_id=name), *coming_back),
    flow(*picked, *leaving, last("cancel_shipment", shipment_id=name), last("cancel_order")),
    flow(placing, last("ship_order"), *coming_back, last("close_order")),
    flow(*picked, last("cancel_order"), said("allocate_backorders", sku=skus, location=places)),
    flow(
        said("plan_count", count_id=name, location=st.just("WH")),
        said("enter_count", count_id=name, lines=sheet),
        everything,
        said("submit_count", count_id=name),
    ),
    flow(
        said("reserve_cart", reservation_id=name, lines=small, expires_at=st.just(60)),
        said("extend_cart", reservation_id=name, expires_at=st.just(90)),
        said("place_order", order_id=st.none(), lines=small, reservation_id=name),
    ),
    flow(
        kept_for.map(lambda of: {"type": "hold_stock", **of, "kind": "quality", "quantity": 2}),
        everything,
        kept_for.map(lambda of: {"type": "release_hold", **of}),
    ),
    flow(
        said(
            "dispatch_crossing",
            crossing_id=name,
            to_ledger=st.just("other"),
            origin=st.just("WH"),
            destination=st.just("there"),
            lines=one_line(sku=st.sampled_from("AC"), quantity=few),
        ),
        everything,
        st.one_of(
            said("hand_over_crossing", crossing_id=name),
            said("return_crossing", crossing_id=name, code=st.just("unknown_item")),
        ),
    ),
)
OPENING: tuple[dict[str, Any], ...] = (
    {"type": "register_item", "sku": "C", "name": "C", "tracking": "lot", "backorder_limit": 1},
    {"type": "register_item", "sku": "K", "name": "K", "backorder_limit": 1},
    {
        "type": "compose_kit",
        "sku": "K",
        "components": [{"sku": "A", "quantity": 1}, {"sku": "C", "quantity": 1}],
    },
    *(
        {
            "type": "receive_stock",
            "sku": "C",
            "location": place,
            "quantity": 12,
            "lots": [{"lot": "L1", "quantity": 6}, {"lot": "L2", "quantity": 6}],
        }
        for place in ("WH", "SHOP")
    ),
)
"""Beside what there is to trade with otherwise: an item with lots, and a kit."""
