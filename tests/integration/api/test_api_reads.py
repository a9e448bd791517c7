"""What was written can be read, out of every store, and says what it is true for."""

import threading
import time
from typing import Any

import pytest

from tests.api_world import SHELF, Business, Process, receive, register_location

SKU = SHELF["sku"]
LINE = {"line": 1, **SHELF, "quantity": 3, "unit_price_micros": 2_500_000}
PLACED = {
    "type": "place_order",
    "key": "o-1",
    "order_id": "o-1",
    "customer": "ada",
    "currency": "GBP",
    "lines": [LINE],
    "occurred_at": "2011-03-01T09:30:00Z",
}
SHIPPED = {
    "type": "ship_order",
    "key": "s-1",
    "order_id": "o-1",
    "occurred_at": "2011-03-02T09:30:00Z",
}
CHARGE = {
    "type": "record_charge",
    "key": "c-1",
    "charge_id": "o-1/post",
    "code": "POST",
    "quantity": 1,
    "unit_price_micros": 3_950_000,
    "currency": "GBP",
    "order_id": "o-1",
}


@pytest.fixture
def sold(acme: Business) -> Business:
    """A business with ten units received and three of them sold, shown by every read model."""
    acme.stock_up(10)
    acme.submit(PLACED, SHIPPED, CHARGE)
    acme.project()
    return acme


def read(business: Business, path: str, **parameters: str | int | list[str]) -> Any:
    return business.client().get(path, **parameters)


def test_an_item_is_read_by_its_sku(sold: Business) -> None:
    answer = read(sold, f"/v1/items/{SKU}")
    item = answer["item"]
    assert (item["sku"], item["name"], item["status"]) == (SKU, SKU, "active")
    as_of = answer["as_of"]
    assert as_of["recorded_at"]
    assert {name: value for name, value in as_of.items() if name != "recorded_at"} == {
        "ledger": "main",
        "position": len(sold.events()),
        "age_seconds": 0.0,
        "read_model": "stock_levels",
        "version": 1,
        "generation": 1,
    }


def test_a_sku_with_a_slash_is_a_sku_like_others(acme: Business) -> None:
    acme.stock_up(4, sku="A/B:1")
    acme.project()
    assert read(acme, "/v1/items/A%2FB:1")["item"]["sku"] == "A/B:1"
    assert read(acme, "/v1/stock/A/B:1")["on_hand"] == 4


def test_stock_and_availability_agree_on_what_can_be_sold(sold: Business) -> None:
    stock = read(sold, f"/v1/stock/{SKU}")
    assert (stock["on_hand"], stock["available"]) == (7, 7)
    available = read(sold, f"/v1/availability/{SKU}")["availability"]
    assert (available["available"], available["locations"]) == (7, {"hall": 7})
    many = read(sold, "/v1/availability", sku=[SKU, "NONE"])["availability"]
    assert [each["status"] for each in many] == ["active", None]


def test_an_order_is_read_with_its_lines_and_charges(sold: Business) -> None:
    answer = read(sold, "/v1/orders/o-1")
    order = answer["order"]
    assert (order["status"], order["units"], order["total_micros"]) == ("shipped", 3, 7_500_000)
    assert str(order["customer"]).startswith("sub_")
    assert order["shipped_at"] == "2011-03-02T09:30:00Z"
    charges = answer["charges"]
    assert [charge["code"] for charge in charges] == ["POST"]


def test_movements_tell_what_happened_and_when(sold: Business) -> None:
    rows = read(sold, "/v1/movements", sku=SKU)["movements"]
    assert [(row["type"], row["on_hand_delta"]) for row in rows] == [
        ("stock.shipped.v1", -3),
        ("stock.committed.v1", 0),
        ("stock.received.v1", 10),
    ]
    shipped = read(sold, "/v1/movements", order_id="o-1", type="stock.shipped.v1")["movements"]
    assert [row["occurred_at"] for row in shipped] == ["2011-03-02T09:30:00Z"]
    assert read(sold, "/v1/movements", occurred_until="2011-03-02T00:00:00Z")["movements"] != []


def test_movements_tell_what_their_stock_was_before_and_after(sold: Business) -> None:
    shipped, committed, received = read(sold, "/v1/movements", sku=SKU, balances=True)["movements"]
    nothing = {"on_hand": 0, "reserved": 0, "committed": 0, "picked": 0, "held": 0, "available": 0}
    assert received["before"] == nothing
    assert received["after"] == committed["before"] == nothing | {"on_hand": 10, "available": 10}
    assert committed["after"] == shipped["before"]
    assert shipped["before"] == nothing | {"on_hand": 10, "committed": 3, "available": 7}
    assert shipped["after"] == nothing | {"on_hand": 7, "available": 7}
    assert read(sold, "/v1/movements", type="stock.shipped.v1", balances=True)["movements"] == [
        shipped
    ]
    assert read(sold, "/v1/movements", sku=SKU)["movements"][0]["after"] is None


def test_analytics_sum_the_movements(sold: Business) -> None:
    days = {"first": "2011-03-01", "last": "2011-03-31"}
    daily = read(sold, "/v1/analytics/daily-units", **days)["days"]
    assert daily == [{"day": "2011-03-02", "units_in": 0, "units_out": 3, "movements": 1}]
    movers = read(sold, "/v1/analytics/top-movers", **days)["movers"]
    assert movers == [{"sku": SKU, "name": SKU, "units_shipped": 3, "shipments": 1}]
    rows = read(sold, "/v1/analytics/stock-at-last-price", **days)["rows"]
    assert rows[-1]["last_price_micros"] == 2_500_000


def test_a_range_of_days_that_runs_backwards_is_refused(acme: Business) -> None:
    answer = acme.http().get("/v1/analytics/daily-units?first=2011-03-02&last=2011-03-01")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "query/last")


def test_every_read_model_says_how_far_it_is_behind(sold: Business) -> None:
    sold.submit(receive(1))
    sold.project("orders", "stock_levels")
    states = read(sold, "/v1/read-models")["read_models"]
    lags = {state["read_model"]: state["lag_events"] for state in states}
    assert lags == {
        "availability": 1,
        "documents": 1,
        "movements": 1,
        "orders": 0,
        "stock_levels": 0,
    }
    ages = {state["read_model"]: state["age_seconds"] > 0 for state in states}
    assert {name for name, old in ages.items() if old} == {"availability", "documents", "movements"}


def test_the_lag_of_appends_is_told_once_all_have_applied_them(sold: Business) -> None:
    lag = read(sold, "/v1/read-models/lag", after=0)["lag"]
    assert lag["unapplied"] == 0
    assert lag["appends"] >= 1
    assert 0 < lag["p50_seconds"] <= lag["p99_seconds"] <= lag["max_seconds"]
    sold.submit(receive(1))
    behind = read(sold, "/v1/read-models/lag", after=len(sold.events()) - 1)["lag"]
    assert (behind["appends"], behind["unapplied"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/items", "items"),
        ("/v1/stock", "levels"),
        ("/v1/orders", "orders"),
        ("/v1/movements", "movements"),
        ("/v1/item-details", "documents"),
    ],
)
def test_pages_cover_a_list_without_a_gap_or_a_repeat(
    acme: Business, path: str, named: str
) -> None:
    for number in range(5):
        acme.stock_up(9, sku=f"S-{number}")
        line = {**LINE, "sku": f"S-{number}"}
        acme.submit({**PLACED, "key": f"o-{number}", "order_id": f"o-{number}", "lines": [line]})
    acme.project()
    whole = read(acme, path)[named]
    assert len(whole) >= 5
    paged: list[object] = []
    for page in acme.client().pages(path, limit=2):
        rows: Any = page[named]
        paged += rows
    assert paged == whole


def test_a_cursor_is_void_for_another_list_or_another_tenant(
    process: Process, acme: Business
) -> None:
    acme.stock_up(1, sku="A")
    acme.stock_up(1, sku="B")
    acme.project()
    cursor = read(acme, "/v1/items", limit=1)["next_cursor"]
    http = acme.http()
    with process.business() as other:
        refused = [
            http.get("/v1/stock", params={"cursor": cursor}),
            http.get("/v1/items", params={"cursor": cursor, "search": "A"}),
            http.get("/v1/items", params={"cursor": cursor[:-1] + "A"}),
            other.http().get("/v1/items", params={"cursor": cursor}),
        ]
    assert {(each.status_code, each.json()["code"]) for each in refused} == {
        (400, "invalid_cursor")
    }
    assert http.get("/v1/items", params={"cursor": cursor}).status_code == 200


def test_items_are_found_by_sku_and_by_words_of_their_name(acme: Business) -> None:
    names = {"85123A": "White hanging heart", "85123B": "Red hanging heart", "22423": "Cakestand"}
    acme.submit(
        *(
            {"type": "register_item", "key": sku, "sku": sku, "name": name}
            for sku, name in names.items()
        )
    )
    acme.project()
    for search, expected in [
        ("8512", ["85123A", "85123B"]),
        ("heart white", ["85123A"]),
        ("CAKE", ["22423"]),
        ("100%", []),
        ("nothing", []),
    ]:
        items = read(acme, "/v1/items", search=search)["items"]
        assert [item["sku"] for item in items] == expected


class TestWaiting:
    """`min_position`: a writer reads its own writes, and nobody waits for what cannot come."""

    @pytest.mark.parametrize(
        "path", ["/v1/stock/{sku}", "/v1/availability/{sku}", "/v1/movements", "/v1/orders"]
    )
    def test_a_read_with_a_token_waits_for_the_write(self, acme: Business, path: str) -> None:
        acme.stock_up(10)
        token = acme.submit(receive(5))
        later = threading.Timer(0.2, acme.project)
        began = time.monotonic()
        later.start()
        answer = read(acme, path.format(sku=SKU), min_position=token or "")
        later.join()
        assert 0.15 < time.monotonic() - began < 5
        assert answer["as_of"]["position"] >= 4

    def test_many_wait_at_once_and_others_read_on(self, acme: Business) -> None:
        acme.stock_up(10)
        acme.project()
        token = acme.submit(receive(5)) or ""
        answers: list[int] = []

        def wait() -> None:
            answers.append(read(acme, f"/v1/stock/{SKU}", min_position=token)["on_hand"])

        waiters = [threading.Thread(target=wait) for _ in range(60)]
        for waiter in waiters:
            waiter.start()
        time.sleep(0.3)
        assert read(acme, f"/v1/stock/{SKU}")["on_hand"] == 10
        acme.project()
        for waiter in waiters:
            waiter.join(10)
        assert answers == [15] * 60

    def test_a_position_beyond_the_head_is_refused_at_once(self, acme: Business) -> None:
        acme.stock_up(10)
        began = time.monotonic()
        answer = acme.http().get("/v1/stock?min_position=4")
        assert (answer.status_code, answer.json()["code"]) == (400, "beyond_head")
        assert time.monotonic() - began < 2

    def test_a_read_model_that_does_not_come_is_told_of(
        self, acme: Business, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("api.waiting.WAIT_SECONDS_MAX", 0.2)
        token = acme.stock_up(10) or ""
        answer = acme.http().get("/v1/stock", params={"min_position": token})
        assert (answer.status_code, answer.json()["code"]) == (504, "behind")
        assert answer.headers["Retry-After"] == "1"

    def test_a_token_of_another_business_is_worth_nothing(
        self, process: Process, acme: Business
    ) -> None:
        token = acme.stock_up(10) or ""
        with process.business() as other:
            answer = other.http().get("/v1/stock", params={"min_position": token})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_token")


def test_the_answer_of_a_key_can_be_looked_up(acme: Business) -> None:
    acme.submit(register_location("a"), register_location("b"))
    first = acme.http().post("/v1/commands/register_location", json=register_location("a"))
    found = read(acme, "/v1/command-answers/place-a")
    assert (found["outcome"], found["answer"]) == ("accepted", first.json())
    assert set(acme.client().answers(["place-b", "never", "place-a"])) == {"place-a", "place-b"}
    missing = acme.http().get("/v1/command-answers/never")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_answer")


def test_a_stream_that_a_read_model_cannot_follow_is_marked(acme: Business) -> None:
    acme.stock_up(10)
    acme.project()
    with acme.process.pool.connection() as connection:
        connection.execute(
            "INSERT INTO parked_streams (projection, version, ledger, stream, tenant, position,"
            " error) VALUES ('stock_levels', 1, %s, %s, %s, 4, 'secret words')",
            (f"{acme.tenant}/main", f"stock-{SKU}@hall", acme.tenant),
        )
    stale = read(acme, f"/v1/stock/{SKU}")["stale"]
    assert [(each["stream"], each["position"]) for each in stale] == [(f"stock-{SKU}@hall", 4)]
    assert "secret" not in str(stale)
    assert read(acme, f"/v1/items/{SKU}")["stale"] == []


def test_what_a_read_model_could_never_show_is_told_of_and_not_unknown(acme: Business) -> None:
    acme.stock_up(10)
    acme.project()
    parked = [
        ("stock_levels", f"stock-{SKU}@nave"),
        ("stock_levels", "stock-NEW@hall"),
        ("stock_levels", "item-NEW"),
        ("stock_levels", "location-nave"),
        ("movements", "stock-NEW@hall"),
    ]
    with acme.process.pool.connection() as connection:
        for projection, stream in parked:
            connection.execute(
                "INSERT INTO parked_streams (projection, version, ledger, stream, tenant, position,"
                " error) VALUES (%s, 1, %s, %s, %s, 4, 'secret words')",
                (projection, f"{acme.tenant}/main", stream, acme.tenant),
            )

    def stale(path: str, **asked: str) -> set[str]:
        return {each["stream"] for each in read(acme, path, **asked)["stale"]}

    assert stale(f"/v1/stock/{SKU}") == {f"stock-{SKU}@nave"}
    assert stale("/v1/stock/NEW") == {"stock-NEW@hall"}
    assert stale("/v1/stock") == {f"stock-{SKU}@nave", "stock-NEW@hall"}
    assert stale("/v1/stock", location="nave") == {f"stock-{SKU}@nave"}
    assert stale("/v1/items") == {"item-NEW"}
    assert stale("/v1/locations") == {"location-nave"}
    assert stale("/v1/movements") == {"stock-NEW@hall"}
    assert stale("/v1/movements", sku=SKU) == set()
    answer = acme.http().get("/v1/items/NEW")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "secret" not in answer.text
    assert acme.http().get("/v1/items/OTHER").status_code == 404


def test_an_empty_ledger_has_answers_too(acme: Business) -> None:
    for path in ("/v1/items", "/v1/stock", "/v1/orders", "/v1/movements", "/v1/read-models"):
        as_of = read(acme, path)["as_of"]
        assert (as_of["position"], as_of["recorded_at"], as_of["age_seconds"]) == (0, None, 0.0)
