"""A submitted count stands, whenever what happened around it becomes known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.events import CountEntered, StockAdjusted
from domain.laws import never_negative, promises_add_up, shortfall_is_stated
from domain.refusals import Refusal
from domain.stock import Stock
from domain.streams import stock_stream
from domain.values import Fact
from tests.pasts import LEDGER, MemoryLedger

HERE: dict[str, Any] = {"sku": "A", "location": "WH"}
# Units that come or go, and how long ago that was when it is told.
moves = st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(0, 30)), max_size=5)
reserved = st.integers(0, 400)


def tell(ledger: MemoryLedger, told: list[tuple[int, int]]) -> None:
    for delta, ago in told:
        done = ledger.send(
            type="adjust_stock", **HERE, delta=delta, reason="moved", minutes_ago=ago
        )
        assert not isinstance(done, Refusal)


def facts(ledger: MemoryLedger) -> list[Fact]:
    return [fact for past in ledger.pasts for fact in past.facts]


def moved_after(ledger: MemoryLedger, instant: datetime) -> int:
    return sum(
        fact.event.delta
        for fact in facts(ledger)
        if isinstance(fact.event, StockAdjusted) and fact.occurred_at > instant
    )


@given(
    before=moves,
    between=moves,
    after=moves,
    counted=st.integers(200, 300),
    promised=reserved,
)
def test_the_counted_quantity_stands_whenever_movements_around_it_become_known(
    before: list[tuple[int, int]],
    between: list[tuple[int, int]],
    after: list[tuple[int, int]],
    counted: int,
    promised: int,
) -> None:
    ledger = MemoryLedger()
    ledger.send(type="register_item", sku="A", name="A")
    ledger.send(type="register_location", location="WH", name="WH")
    ledger.send(type="receive_stock", **HERE, quantity=400, minutes_ago=90)
    if promised:
        ledger.send(
            type="reserve_stock",
            **HERE,
            reservation_id="r",
            quantity=promised,
            expires_at="2100-01-01T00:00:00Z",
        )
    tell(ledger, before)
    ledger.send(type="plan_count", count_id="c", location="WH")
    line = {"line": 1, "sku": "A", "counted": counted}
    ledger.send(type="enter_count", count_id="c", lines=[line])
    tell(ledger, between)
    submitted = ledger.send(type="submit_count", count_id="c")
    assert not isinstance(submitted, Refusal)
    tell(ledger, after)
    (entered,) = (fact for fact in facts(ledger) if isinstance(fact.event, CountEntered))
    # What happened at the very instant of the count is before or after it by the log's order.
    assume(
        all(
            fact.occurred_at != entered.occurred_at
            for fact in facts(ledger)
            if isinstance(fact.event, StockAdjusted)
        )
    )
    stock = ledger.streams[LEDGER, stock_stream("A", "WH")].state
    assert isinstance(stock, Stock)
    assert stock.on_hand == counted + moved_after(ledger, entered.occurred_at)
    assert never_negative(stock)
    assert promises_add_up(stock)
    assert shortfall_is_stated(stock)
