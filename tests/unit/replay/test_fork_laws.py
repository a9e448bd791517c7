"""Whatever was asked, however dated: the same policy gives the same past, and any other one keeps
the laws.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.events import StockCommitted, StockReserved
from domain.laws import never_negative, promises_add_up, shortfall_is_stated
from domain.refusals import Refusal
from domain.streams import kind_of
from replay.fork.fork import Fork, stocks_of
from replay.fork.policy import AS_IT_WAS, ItemPolicy, Policy
from replay.fork.rules import TODAY, Rules
from replay.fork.walk import Walk, Window
from replay.fork.what_if import WhatIf, what_if
from tests.builders import minute
from tests.fork_trade import OPENING, everything, flows
from tests.pasts import LEDGER, MemoryLedger

SKUS = ("A", "B")
PLACES = ("WH", "SHOP")
units = st.integers(1, 9)
# Mostly one shelf, so that it is fought over.
shelves = st.fixed_dictionaries(
    {"sku": st.sampled_from("AAB"), "location": st.sampled_from(["WH", "WH", "WH", "SHOP"])}
)
ago = st.sampled_from([0, 0, 0, 1, 3, 8, 20])
recent = st.integers(1, 4)  # Which one: the last, the one before, …


def about(kind: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda shelf, more: {"type": kind, **shelf, **more}, shelves, st.fixed_dictionaries(fields)
    )


lines = st.lists(st.tuples(shelves, units), min_size=1, max_size=3).map(
    lambda wanted: [
        {"line": number, **shelf, "quantity": quantity}
        for number, (shelf, quantity) in enumerate(wanted, 1)
    ]
)
WAYS: tuple[dict[str, bool], ...] = ({}, {"ship": True}, {"allocate": False})
placed = st.builds(
    lambda wanted, way: {"type": "place_order", "order_id": None, "lines": wanted, **way},
    lines,
    st.sampled_from(WAYS),
)
of_orders = st.builds(
    lambda kind, order_id: {"type": kind, "order_id": order_id},
    st.sampled_from(["allocate_order", "ship_order", "ship_order", "cancel_order"]),
    recent,
)
dispositions = st.sampled_from(["stock", "damaged"])
bodies = st.one_of(
    about("receive_stock", quantity=units),
    about("adjust_stock", delta=st.integers(-6, -1), reason=st.just("?"), condition=dispositions),
    about("count_stock", count_id=st.uuids().map(lambda each: each.hex), counted=units),
    about("return_stock", quantity=units, to=dispositions),
    about("return_stock", quantity=units, order_id=recent),
    about("receive_stock", quantity=units),
    about("reserve_stock", quantity=units, reservation_id=st.none(), expires_at=st.integers(5, 40)),
    about("reserve_stock", quantity=units, reservation_id=st.none(), expires_at=st.integers(5, 40)),
    about("ship_stock", quantity=units),
    about("ship_stock", quantity=units, reservation_id=recent),
    about("release_reservation", reservation_id=recent),
    about("expire_reservation", reservation_id=recent),
    placed,
    placed,
    of_orders,
    st.builds(
        lambda sku, n: {"type": "describe_item", "sku": sku, "safety_stock": n},
        st.sampled_from(SKUS),
        units,
    ),
)
documents = st.sampled_from(["d1", "d2"])
bought = st.builds(
    lambda name, quantity, number, kind: (
        {"type": kind, "purchase_id": name}
        | (
            {"location": "WH", "lines": [{"line": 1, "sku": "A", "quantity": quantity}]}
            if kind == "place_purchase"
            else {"receipt_id": f"r{number}", "lines": [{"line": 1, "accepted": quantity}]}
            if kind == "receive_purchase"
            else {}
        )
    ),
    documents,
    units,
    recent,
    st.sampled_from(["place_purchase", "approve_purchase", "receive_purchase", "close_purchase"]),
)
sent = st.builds(
    lambda name, quantity, number, kind: (
        {"type": kind, "transfer_id": name}
        | (
            {
                "origin": "WH",
                "destination": "SHOP",
                "lines": [{"line": 1, "sku": "A", "quantity": quantity}],
            }
            if kind == "place_transfer"
            else {"receipt_id": f"r{number}", "lines": [{"line": 1, "quantity": quantity}]}
            if kind == "receive_transfer"
            else {}
        )
    ),
    documents,
    units,
    recent,
    st.sampled_from(["place_transfer", "dispatch_transfer", "receive_transfer", "cancel_transfer"]),
)
moved = st.builds(
    lambda quantity: {
        "type": "move_stock",
        "sku": "A",
        "origin": "WH",
        "destination": "SHOP",
        "quantity": quantity,
        "move_id": "m",
    },
    units,
)
simple = st.one_of(bodies, bodies, bought, sent, moved)
some = st.one_of(simple, simple, everything).map(lambda body: [body])
happening = st.tuples(st.one_of(some, some, flows), ago, st.booleans())
trade = st.lists(happening, min_size=15, max_size=30)
simple_trade = st.lists(
    st.tuples(simple.map(lambda body: [body]), ago, st.booleans()), min_size=25, max_size=60
)
maybe = st.none() | st.integers(0, 8)
policies = st.builds(
    Policy,
    backorder_limit=maybe,
    safety_stock=maybe | st.just("own"),
    reservation_seconds=st.none() | st.integers(60, 1_800),
    items=st.just({}) | st.just({"A": ItemPolicy(backorder_limit=2, safety_stock=1)}),
)


def opened(rules: Rules) -> MemoryLedger:
    """Two items, one of which may be backordered, at two places."""
    ledger = MemoryLedger(rules=rules)
    for sku, limit in (("A", 0), ("B", 3)):
        ledger.send(type="register_item", sku=sku, name=sku, backorder_limit=limit, safety_stock=2)
    for place in PLACES:
        ledger.send(type="register_location", location=place, name=place)
    for sku in SKUS:
        ledger.send(type="receive_stock", sku=sku, location="WH", quantity=12)
    for body in OPENING:
        decided = ledger.send(**body)
        assert not isinstance(decided, Refusal), decided.sentence()
    return ledger


def traded(
    happenings: list[tuple[list[dict[str, Any]], int, bool]], rules: Rules = TODAY
) -> MemoryLedger:
    """The flag: in one append with the command before."""
    ledger = opened(rules)
    made: dict[str, list[dict[str, Any]]] = {"order_id": [], "reservation_id": []}
    made["assembly_id"] = []
    told = [(body, ago, once) for together, ago, once in happenings for body in together]
    for body, minutes_ago, at_once in told:
        if at_once:
            ledger.clock -= timedelta(minutes=1)
        sent = dict(body)
        for name, known in made.items():
            if name in sent and not isinstance(sent[name], str):
                sent |= _named(name, sent, known)
        if "expires_at" in sent:
            due = ledger.clock + timedelta(minutes=sent["expires_at"] - minutes_ago)
            sent["expires_at"] = due.isoformat()
        ledger.send(minutes_ago=minutes_ago, **sent)
    return ledger


def _named(name: str, body: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, Any]:
    """A new one, or one of the last; a reservation's shelf comes with it."""
    if body[name] is None:
        fresh = {name: f"{name[0]}{len(known)}"}
        shelf = {each: body[each] for each in ("sku", "location") if each in body}
        known.append(fresh | shelf)
        return fresh
    return known[-body[name]] if len(known) >= body[name] else {name: "none"}


def forked(
    ledger: MemoryLedger, policy: Policy = AS_IT_WAS, window: Window | None = None
) -> WhatIf:
    return what_if(
        LEDGER,
        ledger.pasts,
        ledger.refusals,
        ledger,
        policy=policy,
        window=window or Window(),
    )


@given(trade)
def test_the_same_policy_gives_the_same_past(happenings: list[Any]) -> None:
    result = forked(traded(happenings))
    assert result.examples == []
    assert result.is_as_it_happened
    assert result.refused.unplaced == 0


@given(trade)
def test_every_fact_decided_again_says_the_same(happenings: list[Any]) -> None:
    ledger = traded(happenings)
    fork = Fork(LEDGER, ledger, every_fact=True)
    walk = Walk(fork, ledger.pasts, ledger.refusals, Window())
    list(walk.reach_start())
    for step in walk.steps():
        assert not step.differing, step
        assert isinstance(step.decided, Refusal) is (not step.happened)
    assert fork.worlds.streams_apart == 0


@given(trade, policies)
def test_under_any_policy_the_laws_hold_at_every_command(
    happenings: list[Any], policy: Policy
) -> None:
    ledger = traded(happenings)
    fork = Fork(LEDGER, ledger, policy=policy)
    walk = Walk(fork, ledger.pasts, ledger.refusals, Window())
    list(walk.reach_start())
    for step in walk.steps():
        view = fork.worlds.forked()
        limits = [getattr(fact.event, "backorder_limit", 0) for fact in step.facts]
        assert min(limits, default=0) >= 0
        for stock in stocks_of(view, step.facts):
            assert never_negative(stock)
            assert promises_add_up(stock)
            assert shortfall_is_stated(stock)
            item = fork.worlds.item(stock.sku)
            assert item is not None
            limit = policy.applied(item).promise_limit
            if step.message is not None and any(
                isinstance(fact.event, StockReserved | StockCommitted)
                and fact.stream == stock.stream
                for fact in step.facts
            ):
                assert stock.available >= -limit
        apart = {kind_of(stream) for stream in step.differing}
        assert apart.isdisjoint({"item", "location", "policy"})


@given(trade, policies)
def test_both_ways_meet_the_same_demand_and_a_fork_comes_out_the_same_twice(
    happenings: list[Any], policy: Policy
) -> None:
    ledger = traded(happenings)
    result = forked(ledger, policy)
    assert result.happened.asked == result.forked.asked
    assert result.forked.promised <= result.forked.asked
    assert result.as_dict(99) == forked(ledger, policy).as_dict(99)


@given(trade, st.integers(6, 40))
def test_a_fork_in_the_middle_begins_with_what_there_was(happenings: list[Any], start: int) -> None:
    ledger = traded(happenings)
    result = forked(ledger, AS_IT_WAS, Window(start=start, end=start + 20))
    assert result.is_as_it_happened
    late = forked(ledger, AS_IT_WAS, Window(start=minute(110), end=minute(120)))
    assert late.is_as_it_happened
