"""The importer against the whole stack: repeatable, resumable, honest about what differs."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Done, Stack
from tests.e2e.retail_files import SMALL, many, row, write


@pytest.fixture
def retail(stack: Stack, request: pytest.FixtureRequest, tmp_path: Path) -> "Retail":
    tenant = "t" + "".join(filter(str.isalnum, request.node.name.lower()))[-25:]
    return Retail(stack, stack.tenant(tenant), tmp_path / "retail.csv")


class Retail:
    """One tenant's import of one file, which may change between runs."""

    def __init__(self, stack: Stack, api_key: str, path: Path) -> None:
        self.stack = stack
        self.api_key = api_key
        self.path = path

    def run(self, rows: list[str], *more: str) -> Done:
        write(self.path, rows)
        return self.stack.backstock(*self.arguments(*more))

    def arguments(self, *more: str) -> tuple[str, ...]:
        key = ("--api-key", self.api_key, "--no-verify", "--json", *more)
        return ("import", "online-retail", str(self.path), *key)

    def on_hand(self, sku: str) -> int:
        with self.stack.client(self.api_key) as client:
            levels = client.stock(sku)["levels"]
            assert isinstance(levels, list)
            return sum(level["on_hand"] for level in levels)  # type: ignore[misc, call-overload, index]


def test_every_class_of_row_is_booked_and_counted(retail: Retail) -> None:
    report = retail.run(list(SMALL)).json
    assert report["classes"] == {
        "sale": 4,
        "return": 1,
        "write_off": 1,
        "found": 1,
        "not_stock": 1,
    }
    assert (report["rows"], report["invoices_sold"], report["refused"]) == (8, 2, 0)
    # One location, 3 items, 2 openings; 2 orders of 3 + 2 events a line; 4 singles.
    assert report["events"] == 1 + 3 + 2 + (3 + 4) + (3 + 4) + 4
    # Opening 13, sold 13, returned 2; opening 7, sold 2, lost 5; found 7.
    assert [retail.on_hand(sku) for sku in ("85123A", "85124", "85125")] == [2, 0, 7]
    assert retail.stack.backstock("verify", "--json").json["ok"]


def test_the_same_file_again_adds_nothing(retail: Retail) -> None:
    retail.run(list(SMALL))
    again = retail.run(list(SMALL)).json
    assert (again["events"], again["conflicts"], again["refused"]) == (0, 0, 0)


def test_of_a_file_that_has_grown_only_the_new_rows_are_booked(retail: Retail) -> None:
    retail.run(list(SMALL[:4]))
    grown = retail.run([*SMALL, row("6", "85124", 9, minute=20)]).json
    assert (grown["conflicts"], grown["refused"]) == (0, 0)
    # 85123A needs 13 - 2 more at the start than before; 85124 needs 9 + 5 more.
    assert [retail.on_hand(sku) for sku in ("85123A", "85124", "85125")] == [2, 0, 7]
    assert retail.run([*SMALL, row("6", "85124", 9, minute=20)]).json["events"] == 0


def test_two_files_of_one_source_follow_each_other(retail: Retail) -> None:
    first = [row("1", "85124", 2), row("C2", "85124", -2, minute=1)]
    second = [row("3", "85124", 2, minute=20), row("4", "85126", 3, minute=21)]
    assert retail.run(first).code == 0
    followed = retail.run(second)
    assert followed.code == 0, followed.stderr
    assert (followed.json["conflicts"], followed.json["refused"]) == (0, 0)
    assert [retail.on_hand(sku) for sku in ("85124", "85126")] == [0, 0]
    of_another = retail.run([row("5", "85124", 4, minute=30)], "--source", "another")
    assert (of_another.code, of_another.json["refused"]) == (0, 0)
    assert retail.on_hand("85124") == 0


def test_an_altered_row_is_reported_and_changes_nothing(retail: Retail) -> None:
    retail.run(list(SMALL))
    altered = [*SMALL]
    altered[1] = row("1", "85124", 1)
    altered[5] = row("C3", "85123A", -1, minute=9)
    report = retail.run(altered)
    assert (report.code, report.json["events"], report.json["conflicts"]) == (1, 0, 2)
    assert retail.on_hand("85124") == 0


def test_a_file_that_cannot_be_read_names_the_line_and_sends_nothing(retail: Retail) -> None:
    done = retail.run([*SMALL, "7,85123A,RED MUG,1.5,2010-12-01 10:00:00,1.0,,France"])
    assert done.code == 1
    assert "line 10, Quantity: '1.5' is not a whole number" in done.stderr
    with retail.stack.client(retail.api_key) as client:
        assert client.get("/v1/items")["items"] == []


def test_an_importer_killed_half_way_goes_on_and_books_nothing_twice(retail: Retail) -> None:
    rows = many(invoices=400, lines=12)
    write(retail.path, rows)
    first = retail.stack.start(*retail.arguments())
    with retail.stack.client(retail.api_key) as client:
        while client.get("/v1/orders", limit=1)["orders"] == [] and first.poll() is None:
            pass
    first.kill()
    first.communicate()
    report = retail.run(rows).json
    assert (report["rows"], report["refused"], report["conflicts"]) == (len(rows), 0, 0)
    with retail.stack.client(retail.api_key) as client:
        shipped = [
            order
            for page in client.pages("/v1/orders", limit=200)
            for order in page["orders"]  # type: ignore[union-attr]
        ]
    assert len(shipped) == 400
    assert retail.run(rows).json["events"] == 0
