"""The whole real year of invoices: every SKU's net units in all stores, and the drill on it."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
import psycopg
import pytest

from ops.importers.online_retail.rows import read_rows
from tests.e2e.api_processes import further_api
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.long

FILE = Path(__file__).parents[3] / "shared" / "data" / "online_retail_uci.csv.gz"
SKUS_A_PAGE = 200
# The file does not tell in which state goods came back; these did so damaged.
RETURNS = 3_000
RETURNED_SKUS = 1_500
BULK_COMMANDS = 500
COMMANDS_PER_SECOND = 500
ROLLBACK_SECONDS_MAX = 5.0
# The mistake in; the repair in, back, and in again.
CUT_OVERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """The year as it was imported. `returned`: units by SKU that came back damaged."""

    api_key: str
    arguments: tuple[str, ...]
    report: dict[str, Any]
    returned: Counter[str]


@pytest.fixture(scope="module")
def year(stack: Stack) -> Year:
    if not FILE.exists():
        reason = f"no {FILE.name} beside the checkout"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    api_key = stack.tenant("year")
    arguments = ("import", "online-retail", str(FILE), "--api-key", api_key, "--json")
    report = stack.backstock(*arguments).json
    returned = bring_back_damaged(stack, api_key)
    return Year(api_key=api_key, arguments=arguments, report=report, returned=returned)


def bring_back_damaged(stack: Stack, api_key: str) -> Counter[str]:
    """Return RETURNS units, one by one, of as many SKUs; the units by SKU."""
    skus = sorted(net_units_of_the_file())[:RETURNED_SKUS]
    bodies = [
        {
            "type": "return_stock",
            "key": f"damaged/{number}",
            "sku": skus[number % len(skus)],
            "location": "main",
            "quantity": 1,
            "to": "damaged",
            "reason": "broken",
        }
        for number in range(RETURNS)
    ]
    with stack.client(api_key) as client:
        for start in range(0, RETURNS, BULK_COMMANDS):
            answer = client.submit_bulk(bodies[start : start + BULK_COMMANDS])
            assert all(each.accepted for each in answer.results), answer
        client.wait_for(answer.position)
    return Counter(str(body["sku"]) for body in bodies)


def net_units_of_the_file() -> Counter[str]:
    """Straight from the CSV: returns and found units come in, sales and write-offs go out."""
    net: Counter[str] = Counter()
    for row in read_rows(FILE):
        if row.kind in {"found", "write_off"}:
            net[row.sku] += row.quantity
        elif row.kind in {"sale", "return"}:
            net[row.sku] -= row.quantity
    return net


def test_a_real_year_goes_through_with_every_number_proven(stack: Stack, year: Year) -> None:
    report = year.report
    assert report["classes"] == {
        "sale": 527_725,
        "return": 8_704,
        "write_off": 1_324,
        "found": 1_161,
        "not_stock": 2_995,
    }
    assert (report["rows"], report["invoices_sold"], report["refused"]) == (541_909, 19_773, 0)
    assert report["stores_equal"] is True
    expected = net_units_of_the_file()
    expected.update(year.returned)
    with clickhouse_connect.get_client(dsn=stack.facts["clickhouse"]) as clickhouse:
        table = movements_table(stack)
        assert in_clickhouse(clickhouse, table, "opening") == expected
        opened = in_clickhouse(clickhouse, table, "")
    in_postgres: Counter[str] = Counter()
    in_redis: Counter[str] = Counter()
    with stack.client(year.api_key) as client:
        for page in client.pages("/v1/stock", limit=SKUS_A_PAGE):
            levels: Any = page["levels"]
            for level in levels:
                in_postgres[level["sku"]] += level["on_hand"]
            skus = [level["sku"] for level in levels]
            available: Any = client.availability(skus)["availability"] if skus else []
            for each in available:
                in_redis[each["sku"]] += sum(each["locations"].values())
    # On hand holds the openings too, which movements tell apart: what is left is the file's own.
    assert in_postgres == opened
    # What came back damaged is there, and held.
    in_redis.update(year.returned)
    assert in_redis == opened
    assert stack.backstock(*year.arguments).json["events"] == 0


def test_a_mistake_over_the_year_is_repaired_while_five_hundred_commands_a_second_come(
    stack: Stack, year: Year
) -> None:
    with further_api(stack) as url:
        done = stack.backstock(
            *("replay", "drill", "--commands-per-second", str(COMMANDS_PER_SECOND)),
            *("--api-url", url, "--json"),
        )
    report = done.json
    counts = {name: value for name, value in report.items() if name != "receipts"}
    assert (done.code, report["ok"]) == (0, True), counts
    assert report["failed_reads"] == report["failed_writes"] == 0, counts
    assert report["mixed_lists"] == report["answers_that_went_back"] == 0, counts
    # Of each return two cells of movements, and two levels of each SKU; the drill's own besides.
    wrong = 2 * RETURNS + 2 * len(year.returned)
    assert report["cells_wrong_before"] > wrong
    assert report["cells_differing"] == report["cells_wrong_before"] == report["cells_explained"]
    assert len(report["generations"]) == CUT_OVERS + 1, "readers met every cut-over"
    assert report["rollback_seconds"] <= ROLLBACK_SECONDS_MAX
    assert report["commands_per_second"] >= COMMANDS_PER_SECOND * 0.99, counts


def movements_table(stack: Stack) -> str:
    """Of the version that answers."""
    with psycopg.connect(stack.facts["postgres"]) as connection:
        query = (
            "SELECT places ->> 'movements' FROM projections"
            " WHERE projection = 'movements' AND state = 'active'"
        )
        ((table,),) = connection.execute(query).fetchall()
    return str(table)


def in_clickhouse(clickhouse: Any, table: str, left_out: str) -> Counter[str]:
    """Units by SKU over all movements, less those whose document ends in `left_out`."""
    rows = clickhouse.query(
        "SELECT sku, sum(on_hand_delta) FROM {table:Identifier} WHERE tenant = 'year'"
        " AND NOT ({end:String} != '' AND endsWith(document, {end:String})) GROUP BY sku",
        parameters={"table": table, "end": left_out},
    ).result_rows
    return Counter(dict(rows))
