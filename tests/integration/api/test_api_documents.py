"""Documents over HTTP: each by its kind and id, and pages by status and reference."""

from __future__ import annotations

from typing import Any

import pytest

from domain import events as facts
from domain.events import Event
from tests.api_world import SHELF, Business, Process
from tests.happenings import START, item

SKU = SHELF["sku"]


@pytest.fixture
def kept(acme: Business) -> Business:
    """An item with cases, of which units are held and an order waits for more."""
    appended(
        acme,
        item(SKU),
        facts.LocationRegistered(location=SHELF["location"], name="Hall"),
        facts.StockReceived(**SHELF, quantity=10),
        facts.UnitDefined(sku=SKU, unit="case", numerator=6),
        facts.StockHeld(**SHELF, hold_id="h1", kind="quality", quantity=2),
        facts.StockBackordered(**SHELF, order_id="o1", line=1, quantity=3, whole=True),
    )
    acme.project()
    return acme


def appended(business: Business, *events: Event) -> None:
    business.process.log.append(f"{business.tenant}/main", *events, at=START)


def read(business: Business, path: str, **parameters: str | int | list[str]) -> Any:
    return business.client().get(path, **parameters)


def test_a_document_is_read_by_the_id_of_its_stream(kept: Business) -> None:
    answer = read(kept, f"/v1/stock-details/{SKU}@{SHELF['location']}")
    document = answer["document"]
    assert document["body"]["holds"] == [
        {"hold_id": "h1", "kind": "quality", "quantity": 2, "lot": None}
    ]
    assert (document["status"], document["body"]["waiting"]) == ("open", 3)
    assert document["opened_at"] == "2026-03-01T00:00:00Z"
    assert (answer["as_of"]["read_model"], answer["as_of"]["position"]) == ("documents", 6)
    item = read(kept, f"/v1/item-details/{SKU}")["document"]
    assert item["body"]["units"] == {"case": {"numerator": 6, "denominator": 1}}


def test_documents_are_found_by_status_and_by_what_they_refer_to(kept: Business) -> None:
    attic_stock = {**SHELF, "location": "attic"}
    appended(kept, facts.StockWrittenOff(**attic_stock, quantity=1, reason_code="x"))
    kept.project()
    found = {
        name: [each["id"] for each in read(kept, "/v1/stock-details", **asked)["documents"]]
        for name, asked in {
            "all": {},
            "empty": {"status": "empty"},
            "order": {"ref": "order:o1"},
            "hold, open": {"ref": "hold:h1", "status": "open"},
            "hold, empty": {"ref": "hold:h1", "status": "empty"},
        }.items()
    }
    hall, attic = f"{SKU}@{SHELF['location']}", f"{SKU}@attic"
    assert found == {
        "all": [attic, hall],
        "empty": [attic],
        "order": [hall],
        "hold, open": [hall],
        "hold, empty": [],
    }


def test_the_newest_document_comes_first_and_pages_go_on(acme: Business) -> None:
    for number in range(5):
        acme.stock_up(1, sku=f"S-{number}")
    acme.project()
    pages: Any = acme.client().pages("/v1/item-details", limit=2)
    found = [[each["id"] for each in page["documents"]] for page in pages]
    assert found == [["S-4", "S-3"], ["S-2", "S-1"], ["S-0"]]


def test_another_tenant_s_document_is_unknown(process: Process, kept: Business) -> None:
    path = f"/v1/item-details/{SKU}"
    with process.business() as other:
        refused = other.http().get(path, params={"ledger": "main"})
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_document")
        assert read(other, "/v1/item-details")["documents"] == []
    assert kept.http().get(path, params={"ledger": "main"}).status_code == 200
