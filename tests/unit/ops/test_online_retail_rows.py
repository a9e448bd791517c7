"""Reading the Online Retail file: classes, ordinals, and what makes a file unreadable."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.importers.online_retail.invoices import Commands, events_of, invoices
from ops.importers.online_retail.openings import survey
from ops.importers.online_retail.rows import FileProblem, Row, read_rows

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
MUG = "536365,85123a,RED MUG,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
REAL_FILE = Path(__file__).parents[4] / "shared" / "data" / "online_retail_uci.csv.gz"


def file_of(directory: Path, *lines: str, header: str = HEADER) -> Path:
    path = directory / "retail.csv"
    path.write_text(header + "".join(lines))
    return path


def line(
    *,
    invoice: str = "1",
    code: str = "85123",
    quantity: int = 1,
    price: str = "1.0",
    text: str = "",
) -> str:
    return f"{invoice},{code},{text},{quantity},2011-07-01 10:00:00,{price},,France\n"


def only_row(directory: Path, text: str) -> Row:
    (row,) = read_rows(file_of(directory, text))
    return row


def test_a_row_is_typed_with_its_time_in_utc_and_its_price_in_micros(tmp_path: Path) -> None:
    row = only_row(tmp_path, MUG)
    assert (row.line, row.invoice, row.ordinal, row.sku) == (2, "536365", 1, "85123A")
    assert (row.quantity, row.unit_price_micros, row.customer) == (6, 2_550_000, "17850")
    assert row.occurred_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


def test_summer_time_is_an_hour_ahead_of_utc(tmp_path: Path) -> None:
    assert only_row(tmp_path, line()).occurred_at == datetime(2011, 7, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (line(code="POST", invoice="C1", quantity=-1), "not_stock"),
        (line(code="8512"), "not_stock"),
        (line(invoice="C1", quantity=-3), "return"),
        (line(quantity=-3, price="0.0"), "write_off"),
        (line(price="0.0"), "found"),
        (line(), "sale"),
    ],
)
def test_a_row_has_the_first_class_whose_rule_it_meets(
    tmp_path: Path, text: str, kind: str
) -> None:
    assert only_row(tmp_path, text).kind == kind


def test_ordinals_count_inside_an_invoice_also_when_it_comes_back(tmp_path: Path) -> None:
    rows = read_rows(file_of(tmp_path, line(), line(), line(invoice="2"), line()))
    assert [(row.invoice, row.ordinal) for row in rows] == [("1", 1), ("1", 2), ("2", 1), ("1", 3)]


@pytest.mark.parametrize(
    ("text", "number", "column"),
    [
        ("1,85123,X,1.5,2011-07-01 10:00:00,1.0,,France\n", 2, "Quantity"),
        ("1,85123,X,0,2011-07-01 10:00:00,1.0,,France\n", 2, "Quantity"),
        ("1,85123,X,99999999999,2011-07-01 10:00:00,1.0,,France\n", 2, "Quantity"),
        ("1,85123,X,1,yesterday,1.0,,France\n", 2, "InvoiceDate"),
        ("1,85123,X,1,2011-07-01 10:00:00,free,,France\n", 2, "UnitPrice"),
        (",85123,X,1,2011-07-01 10:00:00,1.0,,France\n", 2, "InvoiceNo"),
        ("1,85123,X,1,2011-07\n", 2, "(any)"),
        (line() + '1,85123,"X', 3, "(any)"),
    ],
)
def test_a_bad_line_is_named_with_its_column(
    tmp_path: Path, text: str, number: int, column: str
) -> None:
    with pytest.raises(FileProblem) as caught:
        list(read_rows(file_of(tmp_path, text)))
    assert (caught.value.line, caught.value.column) == (number, column)


def test_another_header_is_refused_before_any_row(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"line 1, .header.: expected the columns InvoiceNo"):
        list(read_rows(file_of(tmp_path, MUG, header="a,b\n")))


def test_a_file_in_another_encoding_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(HEADER.encode() + line(text="CAFÉ").encode("latin-1"))
    with pytest.raises(FileProblem, match="byte 0xc9 is not UTF-8"):
        list(read_rows(path))


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress((HEADER + MUG * 100).encode())[:-9])
    with pytest.raises(FileProblem, match="cut or damaged"):
        list(read_rows(path))


def test_openings_are_the_least_that_keeps_every_sku_from_going_below_zero(
    tmp_path: Path,
) -> None:
    found = survey(
        read_rows(
            file_of(
                tmp_path,
                line(invoice="1", quantity=5, text="MUG"),
                line(invoice="C2", quantity=-2),
                line(invoice="3", quantity=4),
                line(invoice="4", code="99999", quantity=-3, price="0.0"),
                line(invoice="5", code="88888", price="0.0", quantity=9),
            )
        )
    )
    assert {each.sku: each.units for each in found.openings} == {
        "85123": 7,
        "99999": 3,
        "88888": 0,
    }
    assert found.net_units == {"85123": -7, "99999": -3, "88888": 9}
    assert (found.rows, found.invoices_sold) == (5, 2)


def test_an_invoice_becomes_one_order_after_what_is_no_sale(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        line(invoice="7", quantity=2),
        line(invoice="7", code="POST", quantity=1, price="4.0"),
        line(invoice="7", code="85124", quantity=3),
        line(invoice="8", code="85124", quantity=1),
        line(invoice="7", code="85125", quantity=1),
    )
    commands = Commands(source="s", ledger="main", location="hub")
    bodies = [b for invoice in invoices(read_rows(path)) for b in commands.of_invoice(invoice)]
    assert [(b["type"], b["key"], b.get("order_id")) for b in bodies] == [
        ("record_charge", "s:7:2", None),
        ("place_order", "s:7:1", "7"),
        ("place_order", "s:8:1", "8"),
        ("place_order", "s:7:4", "7.4"),
    ]
    assert [x["line"] for x in bodies[1]["lines"]] == [1, 3]
    assert [events_of(body) for body in bodies] == [1, 7, 5, 5]


def test_the_real_file_has_the_classes_its_description_counts() -> None:
    if not REAL_FILE.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the test data is missing: {REAL_FILE.name}")
        pytest.skip(f"left out: no {REAL_FILE.name} beside the checkout")
    found = survey(read_rows(REAL_FILE))
    assert found.classes == {
        "sale": 527_725,
        "return": 8_704,
        "write_off": 1_324,
        "found": 1_161,
        "not_stock": 2_995,
    }
    assert (found.rows, found.invoices_sold, len(found.openings)) == (541_909, 19_773, 3_926)
