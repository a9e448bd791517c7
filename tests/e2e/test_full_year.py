"""The whole real year of invoices, and every SKU's net units in all three stores."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from ops.importers.online_retail.rows import read_rows
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.long

FILE = Path(__file__).parents[3] / "shared" / "data" / "online_retail_uci.csv.gz"
SKUS_A_PAGE = 200


def net_units_of_the_file() -> Counter[str]:
    """Straight from the CSV: returns and found units come in, sales and write-offs go out."""
    net: Counter[str] = Counter()
    for row in read_rows(FILE):
        if row.kind in {"found", "write_off"}:
            net[row.sku] += row.quantity
        elif row.kind in {"sale", "return"}:
            net[row.sku] -= row.quantity
    return net


def test_a_real_year_goes_through_with_every_number_proven(stack: Stack) -> None:
    if not FILE.exists():
        reason = f"no {FILE.name} beside the checkout"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    api_key = stack.tenant("year")
    arguments = ("import", "online-retail", str(FILE), "--api-key", api_key, "--json")
    report = stack.backstock(*arguments).json
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
    with clickhouse_connect.get_client(dsn=stack.facts["clickhouse"]) as clickhouse:
        assert in_clickhouse(clickhouse, "opening") == expected
        opened = in_clickhouse(clickhouse, "")
    in_postgres: Counter[str] = Counter()
    in_redis: Counter[str] = Counter()
    with stack.client(api_key) as client:
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
    assert in_redis == opened
    assert stack.backstock(*arguments).json["events"] == 0


def in_clickhouse(clickhouse: Any, left_out: str) -> Counter[str]:
    """Units by SKU over all movements, less those whose document ends in `left_out`."""
    rows = clickhouse.query(
        "SELECT sku, sum(on_hand_delta) FROM movements_v1 WHERE tenant = 'year'"
        " AND NOT ({end:String} != '' AND endsWith(document, {end:String})) GROUP BY sku",
        parameters={"end": left_out},
    ).result_rows
    return Counter(dict(rows))
