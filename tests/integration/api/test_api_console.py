"""What the console's pages are filled with; the pages themselves are opened in the e2e tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.authentication import SCOPES, Principal
from api.console.figures import Figures
from api.read_side import Ask
from ops.stack import ports
from tests.api_world import SHELF, Business, Places, Process, api_process, receive
from tests.integration.api.test_api_reads import CHARGE, PLACED


@pytest.fixture
def sold(acme: Business) -> Business:
    acme.stock_up(10)
    acme.submit(PLACED, CHARGE)
    acme.project()
    return acme


def ask(business: Business) -> Ask:
    principal = Principal(tenant=business.tenant, key_id=business.key_id, scopes=frozenset(SCOPES))
    return Ask(principal=principal, ledger_name="main", min_position=0)


def figures(process: Process, *, days: int = 0) -> Figures:
    return Figures(process.deps.read_side, clock=lambda: datetime.now(UTC) + timedelta(days=days))


def test_today_counts_what_was_recorded_since_midnight(sold: Business) -> None:
    today = figures(sold.process).today(ask(sold))
    assert (today.events, today.orders, today.units) == (len(sold.events()), 1, (10, 0))
    assert (today.totals.units_on_hand, today.totals.units_available) == (10, 7)
    assert today.latest is not None
    assert [each.type for each in today.latest] == ["stock.committed.v1", "stock.received.v1"]
    assert len(today.read_models) == 5


def test_tomorrow_all_of_it_is_of_the_day_before(sold: Business) -> None:
    tomorrow = figures(sold.process, days=1).today(ask(sold))
    assert (tomorrow.events, tomorrow.orders, tomorrow.units) == (0, 0, (0, 0))
    assert tomorrow.totals.units_on_hand == 10


def test_stock_is_found_with_what_is_promised_of_it(sold: Business) -> None:
    found = figures(sold.process).stock(ask(sold), SHELF["sku"][:3])
    (row,) = found.rows
    assert (row.on_hand, row.promised, row.available, row.locations) == (10, 3, 7, 1)
    assert figures(sold.process).stock(ask(sold), "nothing").rows == []


def test_an_item_and_an_order_are_shown_with_all_their_parts(sold: Business) -> None:
    made = figures(sold.process)
    item = made.item(ask(sold), SHELF["sku"])
    assert [level.location for level in item.levels] == ["hall"]
    assert item.movements is not None
    assert len(item.movements) == 2
    order = made.order(ask(sold), "o-1")
    assert order.order is not None
    assert [charge.code for charge in order.charges] == ["POST"]
    assert made.item(ask(sold), "NONE").item is None
    assert made.order(ask(sold), "NONE").order is None


def test_without_clickhouse_the_rest_is_shown(
    process: Process, places: Places, sold: Business
) -> None:
    nowhere = f"http://127.0.0.1:{ports.choose(set())}/default"
    with api_process(replace(places, clickhouse_url=nowhere), projections=False) as crippled:
        today = figures(crippled).today(ask(sold))
    assert (today.units, today.latest, today.orders) == (None, None, 1)


def test_another_tenants_figures_stay_its_own(process: Process, sold: Business) -> None:
    with process.business() as other:
        today = figures(process).today(ask(other))
        assert (today.events, today.orders, today.totals.items) == (0, 0, 0)
        assert figures(process).ledgers(ask(other)) == ["main"]
        other.submit({"type": "register_location", "key": "a", "location": "a", "name": "a"})
        assert figures(process).today(ask(sold)).events == len(sold.events())


def test_a_read_model_that_is_behind_shows_in_the_figures(sold: Business) -> None:
    sold.submit(receive(1))
    sold.project("stock_levels", "orders", "availability")
    states = figures(sold.process).read_models(ask(sold)).read_models
    assert {state.read_model: state.lag_events for state in states} == {
        "availability": 0,
        "documents": 1,
        "movements": 1,
        "orders": 0,
        "stock_levels": 0,
    }
