"""Law 7: no operation tells a tenant anything of another, not even that it exists."""

import gc
import types
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from api.command_schemas import EXAMPLES
from tests.api_world import SHELF, Business, Process, receive
from tests.integration.api.test_api_reads import CHARGE, PLACED, SHIPPED

THEIRS = {"sku": SHELF["sku"], "order_id": "o-1", "key": "o-1", "code": "invalid", "lot_id": "M@L"}
NOBODYS = {"sku": "NONE", "order_id": "NONE", "key": "NONE", "code": "invalid", "lot_id": "M@X"}
LOT = [{"lot": "L", "quantity": 2}]
MILK = {"type": "register_item", "key": "item-M", "sku": "M", "name": "Milk", "tracking": "lot"}
# Commands that make something of the tenant's own out of nothing.
OF_NO_OTHERS = {
    "register_item", "register_location", "record_charge", "record_payment", "set_policy",
}  # fmt: skip
DAYS = {"first": "2011-03-01", "last": "2011-03-31"}
NEEDED: dict[str, dict[str, Any]] = {
    "list_availability": {"sku": THEIRS["sku"]},
    "read_daily_units": DAYS,
    "read_top_movers": DAYS,
    "list_stock_at_last_price": DAYS,
    "read_lag": {"after": 0},
}


@pytest.fixture
def theirs(process: Process) -> Iterator[Business]:
    with process.business() as business:
        business.stock_up(10)
        business.submit(PLACED, SHIPPED, CHARGE)
        business.submit(MILK, receive(2, key="milk", sku="M", lots=LOT))
        business.project()
        yield business


@pytest.fixture
def reads(acme: Business) -> list[tuple[str, str]]:
    """Every read of a tenant's data in the OpenAPI document: operation, path."""
    document = acme.http().get("/openapi.json").json()
    found = [
        (operation["operationId"], path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method == "get" and "security" in operation
    ]
    assert len(found) > 15
    return found


def test_what_is_anothers_is_answered_as_what_is_nobodys(
    theirs: Business, acme: Business, reads: list[tuple[str, str]]
) -> None:
    by_id = [(name, path) for name, path in reads if "{" in path]
    assert {name for name, path in by_id if "{name}" not in path} == {
        "read_item",
        "read_stock",
        "read_availability",
        "read_order",
        "read_ship_to",
        "read_lot_trail",
        "read_recall_report",
        "read_command_answer",
    }
    for name, path in by_id:
        document = _a_document(theirs, path) if "{name}" in path else ""
        if document is None:
            continue
        asked = path.format(**THEIRS, name=document)
        assert theirs.http().get(asked).status_code == 200, name
        anothers = acme.http().get(asked)
        nobodys = acme.http().get(path.format(**NOBODYS, name="NONE"))
        assert anothers.status_code == nobodys.status_code == 404, name
        assert anothers.content == nobodys.content, name


def _a_document(theirs: Business, path: str) -> str | None:
    """The id of one that the list beside the path tells; None when they have none."""
    found = theirs.http().get(path.removesuffix("/{name}")).json()["documents"]
    return str(found[0]["id"]) if found else None


def test_lists_and_sums_hold_nothing_of_another(
    theirs: Business, acme: Business, process: Process, reads: list[tuple[str, str]]
) -> None:
    with process.business() as empty:
        for name, path in reads:
            if "{" in path:
                continue
            needed = NEEDED.get(name, {})
            assert theirs.http().get(path, params=needed).status_code == 200, name
            beside = acme.http().get(path, params=needed)
            alone = empty.http().get(path, params=needed)
            assert beside.status_code == 200, name
            assert _ageless(beside.json()) == _ageless(alone.json()), name


def _ageless(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "as_of": {**answer["as_of"], "age_seconds": None}}


def test_a_command_on_anothers_ids_is_answered_as_on_nobodys(
    theirs: Business, acme: Business
) -> None:
    for number, (kind, example) in enumerate(EXAMPLES.items()):
        if kind in OF_NO_OTHERS:
            continue
        told = []
        for sku, order in [(SHELF["sku"], "o-1"), ("NONE-1", "o-9")]:
            text = {"sku": sku, "location": "hall", "order_id": order}
            command = {**example, **{name: text[name] for name in text if name in example}}
            if "lines" in command and "sku" in str(command["lines"]):
                command["lines"] = [{"line": 1, "sku": sku, "location": "hall", "quantity": 1}]
            answer = acme.http().post(
                f"/v1/commands/{kind}",
                json=command,
                headers={"Idempotency-Key": f"{number}-{sku}"},
            )
            told.append(answer.text.replace(sku, "SKU").replace(order, "ORDER"))
        assert told[0] == told[1], kind
    assert acme.events() == [] or all(event.tenant == acme.tenant for event in acme.events())


def test_a_key_that_another_has_used_is_free(theirs: Business, acme: Business) -> None:
    acme.stock_up(10)
    acme.submit({**PLACED, "customer": "bob"})
    assert set(acme.client().answers(["o-1", "s-1"])) == {"o-1"}
    assert theirs.client().answers(["o-1"])["o-1"].answer != {}


def test_the_same_customer_is_two_subjects_for_two_tenants(
    theirs: Business, acme: Business
) -> None:
    acme.stock_up(10)
    acme.submit(PLACED)
    acme.project()
    customers = {
        str(business.client().order("o-1")["order"]).partition("sub_")[2][:32]
        for business in (theirs, acme)
    }
    assert len(customers) == 2


@pytest.mark.parametrize("ledger", ["{their}/main", "{their}", "../main", "main' --", ""])
def test_no_ledger_name_reaches_another_tenant(
    theirs: Business, acme: Business, ledger: str
) -> None:
    name = ledger.format(their=theirs.tenant)
    answer = acme.http().get("/v1/items", params={"ledger": name})
    assert answer.status_code in {404, 422}
    command = {"type": "register_location", "key": "k", "location": "a", "name": "a"}
    sent = acme.http().post("/v1/commands/register_location", json={**command, "ledger": name})
    assert sent.status_code in {404, 422}


def test_no_read_route_can_obtain_the_log_roles_connections(process: Process) -> None:
    """Walks everything a route can reach but modules: closures, dependencies, their fields."""
    log_pool = process.deps.write_side.subjects._pool
    holders: dict[str, bool] = {}
    for route in create_app(process.deps).router.routes:
        for each in _flat(route):
            held = _reaches([each.endpoint, each.dependant], log_pool)
            holders[f"{' '.join(sorted(each.methods or ()))} {each.path}"] = held
    found = {name for name, held in holders.items() if held}
    written = ("POST /v1/commands", "POST /v1/webhooks")
    writers = {name for name in holders if name.startswith(written)}
    # Commands and webhooks write; metrics are the operator's, and get numbers only.
    assert found == writers - {"POST /v1/commands/{type_name}"} | {"GET /metrics"}
    assert len(holders) - len(found) > 15


def _flat(route: Any) -> Iterator[APIRoute]:
    if isinstance(route, APIRoute):
        yield route
    for inner in getattr(getattr(route, "original_router", None), "routes", ()):
        yield from _flat(inner)


def _reaches(roots: list[object], wanted: object) -> bool:
    seen: set[int] = set()
    queue = list(roots)
    while queue:
        each = queue.pop()
        if each is wanted:
            return True
        if id(each) in seen or isinstance(each, types.ModuleType | type):
            continue
        seen.add(id(each))
        if isinstance(each, types.FunctionType):
            # Its globals are modules' contents, and a module holds no connection.
            queue += [cell.cell_contents for cell in each.__closure__ or ()]
            queue += [each.__defaults__, each.__kwdefaults__, each.__dict__]
        else:
            queue += gc.get_referents(each)
    return False
