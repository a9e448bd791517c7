"""The small parts of a fork: policies, refused answers, the walk's window."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from domain.events import ReplayPromoted
from domain.item import Item
from domain.refusals import Refusal
from replay.fork.policy import AS_IT_WAS, ItemPolicy, Policy, PolicyError, read_policy
from replay.fork.refused import Short
from replay.fork.walk import Window
from replay.fork.what_if import WhatIf, what_if
from tests.builders import minute
from tests.pasts import LEDGER, MemoryLedger

PROMOTED = ReplayPromoted(
    replay_id="7",
    generation=2,
    read_models=("stock_levels v2",),
    up_to=3,
    receipt_sha256="00",
    events_root="00",
    leaf=0,
    leaves=1,
    audit_path=(),
    key_id="k",
    signature="",
)
ITEM = Item(sku="A", name="A", safety_stock=3, backorder_limit=5, attributes={})


@pytest.mark.parametrize(
    ("policy", "limit"),
    [
        (AS_IT_WAS, 5),
        (Policy(backorder_limit=0), 0),
        (Policy(safety_stock="own"), 2),
        (Policy(backorder_limit=0, safety_stock=4), -4),
        (Policy(backorder_limit=9, items={"A": ItemPolicy(backorder_limit=1)}), 1),
        (Policy(safety_stock=4, items={"A": ItemPolicy(safety_stock=0)}), 5),
        (Policy(backorder_limit=9, items={"B": ItemPolicy(backorder_limit=1)}), 9),
    ],
)
def test_what_is_kept_back_lowers_what_may_be_promised(policy: Policy, limit: int) -> None:
    assert policy.applied(ITEM).promise_limit == limit


def test_a_policy_is_read_from_json_and_from_toml(tmp_path: Path) -> None:
    json, toml = tmp_path / "p.json", tmp_path / "p.toml"
    json.write_text('{"backorder_limit": 0, "items": {"A": {"safety_stock": "own"}}}')
    toml.write_text('backorder_limit = 0\n[items.A]\nsafety_stock = "own"\n')
    assert read_policy(json) == read_policy(toml)
    assert read_policy(toml).as_dict()["backorder_limit"] == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"backorder_limits": 0}', "backorder_limits"),
        ('{"backorder_limit": -1}', r"\$.backorder_limit"),
        ('{"safety_stock": "mine"}', r"\$.safety_stock"),
        ("{", "truncated"),
    ],
)
def test_a_bad_policy_is_refused_with_its_field(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(text)
    with pytest.raises(PolicyError, match=named):
        read_policy(path)


def test_a_refused_answer_names_every_short_stock_but_no_damaged_ones() -> None:
    ledger = MemoryLedger()
    ledger.send(type="register_location", location="WH", name="WH")
    for sku in ("A", "B"):
        ledger.send(type="register_item", sku=sku, name=sku)
        ledger.send(type="receive_stock", sku=sku, location="WH", quantity=2)
    lines: list[dict[str, Any]] = [
        {"line": 7, "sku": "A", "quantity": 3},
        {"line": 9, "sku": "B", "quantity": 4},
    ]
    placed = [{**line, "location": "WH"} for line in lines]
    ledger.send(type="place_order", order_id="o", lines=placed)
    shelf: dict[str, Any] = {"sku": "A", "location": "WH"}
    ledger.send(type="adjust_stock", **shelf, delta=-1, reason="?", condition="damaged")
    short, damaged = ledger.refusals
    assert short.shorts == (
        Short(sku="A", location="WH", requested=3, available=2, line=7),
        Short(sku="B", location="WH", requested=4, available=2, line=9),
    )
    assert short.demand == {"A": 3, "B": 4}
    assert (damaged.code, damaged.shorts) == ("insufficient_stock", ())


def test_a_reservation_that_holds_shorter_gives_its_units_to_the_next_in_time() -> None:
    ledger = MemoryLedger()
    ledger.send(type="register_location", location="WH", name="WH")
    ledger.send(type="register_item", sku="A", name="A")
    shelf: dict[str, Any] = {"sku": "A", "location": "WH", "quantity": 5}
    hold: dict[str, Any] = {"type": "reserve_stock", **shelf, "expires_at": minute(500).isoformat()}
    ledger.send(type="receive_stock", **shelf)
    ledger.send(**hold, reservation_id="r1")
    ledger.clock = minute(200)
    assert isinstance(ledger.send(**hold, reservation_id="r2"), Refusal)
    ledger.clock = minute(300)
    ledger.send(type="ship_stock", **shelf, reservation_id="r1")
    result = what_if(
        LEDGER,
        ledger.pasts,
        ledger.refusals,
        ledger,
        policy=Policy(reservation_seconds=600),
        window=Window(),
    )
    assert result.other == {
        "refused -> accepted": 1,  # r2, which finds r1 over
        "accepted -> reservation_closed": 1,
    }
    assert result.differing == 3  # and r1 holds until another instant
    assert (result.happened.shipped, result.forked.shipped) == (5, 0)
    assert result.began_at == minute(100)


def test_memory_grows_with_stocks_and_orders_not_with_events() -> None:
    assert _peak_bytes(commands=4_000) < 1.2 * _peak_bytes(commands=400)


def _peak_bytes(*, commands: int) -> int:
    """At the most while a fork goes its own way through so many commands on one stock."""
    ledger = MemoryLedger()
    shelf: dict[str, Any] = {"sku": "A", "location": "WH"}
    ledger.send(type="register_location", location="WH", name="WH")
    ledger.send(type="register_item", sku="A", name="A")
    hold = {"type": "reserve_stock", **shelf, "expires_at": minute(10**6).isoformat()}
    ledger.send(**hold, reservation_id="r", quantity=2)
    for _ in range(commands // 2):
        ledger.send(type="receive_stock", **shelf, quantity=2)
        ledger.send(type="ship_stock", **shelf, quantity=1)
    # Once before: the interpreter keeps up to 2,000 freed tuples of each size for itself.
    _with_backorders(ledger)
    tracemalloc.start()
    try:
        result = _with_backorders(ledger)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.other == {"refused -> accepted": 1, "accepted -> insufficient_stock": 1}
    return peak


def _with_backorders(ledger: MemoryLedger) -> WhatIf:
    return what_if(
        LEDGER,
        ledger.pasts,
        ledger.refusals,
        ledger,
        policy=Policy(backorder_limit=2),
        window=Window(),
    )


def test_a_promoted_replay_is_no_past_of_the_business() -> None:
    """It is dated by the day of the replay, years after what it replayed."""
    ledger = MemoryLedger()
    ledger.send(type="register_location", location="WH", name="WH")
    ledger.send(type="register_item", sku="A", name="A")
    ledger.send(type="receive_stock", sku="A", location="WH", quantity=5)
    ended_at, ledger.clock = ledger.clock, minute(1_000_000)
    ledger.note(PROMOTED)
    ledger.clock = ended_at
    ledger.send(type="ship_stock", sku="A", location="WH", quantity=2)
    result = what_if(
        LEDGER, ledger.pasts, ledger.refusals, ledger, policy=AS_IT_WAS, window=Window()
    )
    assert (result.ended_at, result.commands) == (ended_at, 4)
    assert result.is_as_it_happened
