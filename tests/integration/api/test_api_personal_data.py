"""To whom and where an order goes: shown to those who may, and in clear nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import clickhouse_connect
import psycopg
import pytest
import redis
from psycopg import sql

from api.authentication import PERSONAL, READ, WRITE
from ops.forgetting import forget
from replay.verify.run import Addresses, verify
from tests.api_world import SHELF, Business, Places, Process

# Each word of it is looked for in every store.
SHIP_TO: dict[str, Any] = {
    "name": "Augusta Zyxwen",
    "address_lines": ["Quxhollow Mansions 12b", "Flat Vorpal"],
    "city": "Snarkington",
    "postal_code": "ZZ9 7QX",
    "region": "Jubjubshire",
    "country": "GB",
    "phone": "+44 7700 900461",
    "email": "augusta@zyxwen.example",
}
CUSTOMER = "the-customer-77"
WORDS = [
    word.encode()
    for value in SHIP_TO.values()
    for word in (value if isinstance(value, list) else [value])
    if word != "GB"
]


def order(order_id: str = "o-1", **changed: Any) -> dict[str, Any]:
    return {
        "type": "place_order",
        "key": order_id,
        "order_id": order_id,
        "customer": CUSTOMER,
        "lines": [{"line": 1, **SHELF, "quantity": 1}],
        "ship_to": SHIP_TO,
        **changed,
    }


def place(acme: Business, command: dict[str, Any]) -> Any:
    return acme.http().post("/v1/commands/place_order", json=command)


def shown(acme: Business, order_id: str = "o-1", *, key: str | None = None) -> Any:
    return acme.http(key=key).get(f"/v1/ship-to/{order_id}")


def test_a_destination_is_shown_to_those_who_may(acme: Business) -> None:
    acme.stock_up(10)
    assert place(acme, order()).status_code == 200
    answer = shown(acme)
    assert answer.status_code == 200
    assert answer.json()["ship_to"] == SHIP_TO
    assert answer.json()["state"] == "known"
    assert answer.headers["Cache-Control"] == "no-store"
    for key in (acme.another_key(READ, WRITE), acme.another_key(PERSONAL)):
        assert shown(acme, key=key).status_code == 403
    assert shown(acme, key=acme.another_key(READ, PERSONAL)).status_code == 200


def test_an_order_without_a_destination_has_none(acme: Business) -> None:
    acme.stock_up(10)
    assert place(acme, order(ship_to=None)).status_code == 200
    assert shown(acme).json()["state"] == "none"
    assert shown(acme, "o-9").status_code == 404


def test_what_is_sent_in_exchange_goes_where_the_first_order_went(acme: Business) -> None:
    acme.stock_up(10)
    assert place(acme, order(ship=True)).status_code == 200
    for number in (1, 2):
        exchange = {
            "type": "exchange_order",
            "key": f"exchange {number}",
            "order_id": f"o-{number}",
            "return_id": "r",
            "lines": [{"line": 1, "quantity": 1}],
            "replacement_id": f"o-{number + 1}",
            "replacement_lines": order()["lines"],
        }
        ship = {"type": "ship_order", "key": f"ship {number}", "order_id": f"o-{number + 1}"}
        done = acme.http().post("/v1/commands", json={"commands": [exchange, ship]})
        assert done.status_code == 200, done.text
    answer = shown(acme, "o-3").json()
    assert (answer["order_id"], answer["ship_to"]) == ("o-3", SHIP_TO)


def test_another_tenant_is_shown_nothing(acme: Business, process: Process) -> None:
    acme.stock_up(10)
    assert place(acme, order()).status_code == 200
    with process.business() as other:
        other.stock_up(1)
        assert shown(other).status_code == 404


def test_the_same_order_again_is_the_same_command_and_another_place_is_another(
    acme: Business,
) -> None:
    acme.stock_up(10)
    first, again = place(acme, order()), place(acme, order())
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    elsewhere = place(acme, order(ship_to={**SHIP_TO, "city": "London"}))
    assert elsewhere.json()["code"] == "key_conflict"
    assert place(acme, order(ship_to=None)).json()["code"] == "key_conflict"


def test_in_a_bulk_each_order_keeps_its_own_destination(acme: Business) -> None:
    acme.stock_up(10)
    lines = [
        order("o-1"),
        order("o-2", ship_to=None),
        order("o-3", customer=None, ship_to=None),
        order("o-4", customer="another", ship_to={**SHIP_TO, "city": "London"}),
    ]
    assert acme.http().post("/v1/commands", json={"commands": lines}).status_code == 200
    cities = [
        (shown(acme, f"o-{number}").json()["ship_to"] or {}).get("city") for number in range(1, 5)
    ]
    assert cities == [SHIP_TO["city"], None, None, "London"]


def test_a_destination_needs_a_customer_and_is_told_what_is_wrong_without_being_repeated(
    acme: Business,
) -> None:
    nobody = place(acme, order(customer=None))
    assert nobody.status_code == 422
    assert "name the customer" in nobody.text
    wrong = place(acme, order(ship_to={**SHIP_TO, "country": "Zyxland", "door": "blue"}))
    assert wrong.status_code == 422
    pointers = {each["pointer"] for each in wrong.json()["errors"]}
    assert pointers == {"/ship_to/country", "/ship_to/door"}
    assert not [word for word in (*WORDS, b"Zyxland", b"blue") if word in wrong.content]


def test_who_is_forgotten_is_shown_no_more_and_the_ledger_verifies(
    apart: Process, places: Places, tmp_path: Path
) -> None:
    with apart.business() as acme:
        _forgotten(acme, tmp_path)
    report = verify(
        Addresses(
            postgres_dsn=apart.database.log,
            redis_url=places.redis_url,
            clickhouse_url=places.clickhouse_url,
        )
    )
    for law in ("order", "once", "chain", "conservation", "no_oversell"):
        assert report.laws[law].ok, report.laws[law].difference


def _forgotten(acme: Business, personal: Path) -> None:
    acme.stock_up(10)
    assert place(acme, order()).status_code == 200
    forget(acme.process.database.log, personal, acme.tenant, CUSTOMER)
    gone = shown(acme).json()
    assert (gone["state"], gone["ship_to"]) == ("forgotten", None)
    # A retry is another body now: refused, and nothing happens twice.
    assert place(acme, order()).json()["code"] == "key_conflict"
    assert place(acme, order("o-2")).status_code == 200
    assert shown(acme, "o-2").json()["state"] == "known"
    assert shown(acme).json()["state"] == "forgotten"


def test_no_personal_word_is_in_clear_in_any_store_answer_log_line_or_metric(
    acme: Business, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    acme.stock_up(10)
    with caplog.at_level(logging.DEBUG):
        answers = [
            place(acme, order()),
            place(acme, order()),
            place(acme, order("o-2", ship_to={**SHIP_TO, "country": "?"})),
            place(acme, order("o-3", lines=[{"line": 1, **SHELF, "quantity": 99}])),
        ]
        acme.project()
        http = acme.http()
        answers += [
            http.get(path)
            for path in (
                "/v1/orders",
                "/v1/orders/o-1",
                "/v1/commands/o-1",
                "/v1/movements",
                "/metrics",
            )
        ]
    everywhere = b"".join(answer.content for answer in answers) + caplog.text.encode()
    everywhere += b"".join(_stored(places))
    assert SHELF["sku"].encode() in everywhere, "the search finds what is there"
    assert [word for word in WORDS if word in everywhere] == []
    assert [word for word in WORDS if word.hex().encode() in everywhere] == []


def _stored(places: Places) -> Iterator[bytes]:
    """Everything that PostgreSQL, Redis and ClickHouse hold."""
    with psycopg.connect(places.database.admin) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            copied = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(sql.Identifier(table))
            with connection.cursor().copy(copied) as copy:
                yield from map(bytes, copy)
    with closing(redis.Redis.from_url(places.redis_url)) as keys:
        for name in keys.scan_iter(f"{places.redis_prefix}*"):
            yield bytes(name)
            yield keys.dump(name) or b""
    with closing(clickhouse_connect.get_client(dsn=places.clickhouse_url)) as client:
        for (table,) in client.query("SHOW TABLES").result_rows:
            yield str(client.query(f"SELECT * FROM {table}").result_rows).encode()
