"""Small files in the shape of the Online Retail data set."""

from collections.abc import Iterable
from pathlib import Path

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def row(
    invoice: str,
    code: str,
    quantity: int,
    *,
    price: str = "2.55",
    text: str = "RED MUG",
    customer: str = "17850.0",
    minute: int = 0,
) -> str:
    instant = f"2010-12-{1 + minute // 1440:02} {minute // 60 % 24:02}:{minute % 60:02}:00"
    return f"{invoice},{code},{text},{quantity},{instant},{price},{customer},United Kingdom"


# Every class once or more: 4 sale rows of 2 invoices, 1 return, 1 write-off, 1 found, 1 not stock.
SMALL = (
    row("1", "85123a", 6),
    row("1", "85124", 2),
    row("1", "POST", 1, price="18.0", text="POSTAGE"),
    row("2", "85123A", 3, minute=5),
    row("2", "85123A", 4, minute=5),
    row("C3", "85123A", -2, minute=9),
    row("4", "85124", -5, price="0.0", text="wet pallet", customer="", minute=11),
    row("5", "85125", 7, price="0.0", text="", customer="", minute=12),
)


def write(path: Path, rows: Iterable[str]) -> Path:
    path.write_text("\n".join((HEADER, *rows)) + "\n")
    return path


def many(invoices: int, lines: int) -> list[str]:
    """Invoices over a few hundred SKUs."""
    return [
        row(
            str(500_000 + invoice),
            str(10_000 + (7 * invoice + line) % 400),
            1 + line % 9,
            minute=invoice,
        )
        for invoice in range(invoices)
        for line in range(lines)
    ]
