"""Items and stock from a business's own CSV files."""

from pathlib import Path

import pytest

from ops.importers.tables import TableError, item_commands, stock_commands


def file_of(directory: Path, text: str) -> Path:
    path = directory / "table.csv"
    path.write_text(text)
    return path


def test_each_line_becomes_a_command_with_a_key_of_its_own(tmp_path: Path) -> None:
    path = file_of(tmp_path, "sku,name,reorder_point\nMUG,Red mug,5\nCUP,Cup,\n")
    assert item_commands(path, source="start", ledger="main") == [
        {
            "type": "register_item",
            "key": "start:item:MUG",
            "ledger": "main",
            "sku": "MUG",
            "name": "Red mug",
            "reorder_point": 5,
        },
        {
            "type": "register_item",
            "key": "start:item:CUP",
            "ledger": "main",
            "sku": "CUP",
            "name": "Cup",
        },
    ]


def test_the_same_stock_twice_is_two_receipts_at_a_location_registered_once(
    tmp_path: Path,
) -> None:
    path = file_of(tmp_path, "sku,location,quantity\nMUG,hub,5\nMUG,hub,7\n")
    keys = [body["key"] for body in stock_commands(path, source="s", ledger="main")]
    assert keys == ["s:location:hub", "s:stock:MUG@hub:1", "s:stock:MUG@hub:2"]


def test_a_line_names_the_lot_or_the_serial_that_it_is_of(tmp_path: Path) -> None:
    header = "sku,location,quantity,lot,expires_on,serial\n"
    path = file_of(
        tmp_path,
        f"{header}MILK,hub,5,L1,2027-01-31,\nMILK,hub,2,L2,,\nPHONE,hub,1,,,S1\nMUG,hub,3,,,\n",
    )
    _, *receipts = stock_commands(path, source="s", ledger="main")
    assert [receipt.get("lots") or receipt.get("serials") for receipt in receipts] == [
        [{"lot": "L1", "quantity": 5, "expires_on": "2027-01-31"}],
        [{"lot": "L2", "quantity": 2}],
        ["S1"],
        None,
    ]
    wrong = "A,hub,1,L1,,S1\nA,hub,1,,2027-01-31,\nA,hub,2,,,S1\nA,hub,2,L1,soon,\nA,hub,1,,,S 1\n"
    with pytest.raises(TableError) as caught:
        stock_commands(file_of(tmp_path, header + wrong), source="s", ledger="main")
    assert [(each.line, each.column) for each in caught.value.complaints] == [
        (2, "serial"),
        (3, "expires_on"),
        (4, "quantity"),
        (5, "expires_on"),
        (6, "serial"),
    ]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = file_of(tmp_path, "sku,location,quantity\nA B,hub,5\nMUG,hub,-1\nMUG,hub,1.5\n")
    with pytest.raises(TableError) as caught:
        stock_commands(path, source="s", ledger="main")
    assert [(each.line, each.column) for each in caught.value.complaints] == [
        (2, "sku"),
        (3, "quantity"),
        (4, "quantity"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sku,colour\n", "unknown: colour; missing: name"),
        ("sku,name\nMUG\n", "line 2, .any.: 1 of 2 columns"),
    ],
)
def test_a_file_of_another_shape_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        item_commands(file_of(tmp_path, text), source="s", ledger="main")


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("sku,name\nMUG,Café\n".encode("latin-1"))
    with pytest.raises(TableError, match="not UTF-8"):
        item_commands(path, source="s", ledger="main")
