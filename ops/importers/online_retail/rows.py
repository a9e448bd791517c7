"""The file's rows, typed, as a stream: CSV, plain or gzip, with the columns of the UCI data set."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal
from zoneinfo import ZoneInfo

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
QUANTITY_MAX = 1_000_000_000
_LOCAL = ZoneInfo("Europe/London")
_GZIP_MAGIC = b"\x1f\x8b"
_PRICE = re.compile(r"(-?)(\d{1,9})(?:\.(\d{1,6})0*)?")
_STOCK_CODE = re.compile(r"\d{5}")

RowClass = Literal["sale", "return", "write_off", "found", "not_stock"]
CLASSES: tuple[RowClass, ...] = ("sale", "return", "write_off", "found", "not_stock")


class FileProblem(Exception):
    """The file cannot be imported as it is. Names the line (1 is the header), the column and the
    remedy.
    """

    def __init__(self, *, line: int, column: str, detail: str) -> None:
        super().__init__(f"line {line}, {column}: {detail}")
        self.line = line
        self.column = column
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `ordinal` is its place among the lines of its invoice, from 1; with the invoice it
    is the row's identity, since invoice and stock code are not a key.
    """

    line: int
    invoice: str
    ordinal: int
    sku: str
    description: str
    quantity: int
    occurred_at: datetime
    unit_price_micros: int
    customer: str
    kind: RowClass


def read_rows(path: Path) -> Iterator[Row]:
    """Yields every row in file order. Raises FileProblem at the first one that cannot be read."""
    ordinals: dict[str, int] = {}
    line = 1
    with (
        path.open("rb") as raw,
        io.TextIOWrapper(_plain(raw), encoding="utf-8-sig", newline="") as text,
    ):
        reader = csv.reader(text, strict=True)
        try:
            _check_header(next(reader, None))
            for values in reader:
                line = reader.line_num
                yield _row(line, values, ordinals)
        except UnicodeDecodeError as error:
            raise FileProblem(
                line=line + 1,
                column="(any)",
                detail=f"byte {error.object[error.start]:#04x} is not UTF-8: save it as UTF-8",
            ) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileProblem(
                line=line + 1, column="(any)", detail=f"the gzip stream is cut or damaged: {error}"
            ) from error
        except csv.Error as error:
            raise FileProblem(
                line=line + 1, column="(any)", detail=f"not a CSV line: {error}"
            ) from error


def _plain(raw: BinaryIO) -> BinaryIO:
    is_gzip = raw.read(2) == _GZIP_MAGIC
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if is_gzip else raw  # type: ignore[return-value]


def _check_header(header: list[str] | None) -> None:
    if header is None or tuple(header) != COLUMNS:
        raise FileProblem(
            line=1,
            column="(header)",
            detail=f"expected the columns {', '.join(COLUMNS)}, found {', '.join(header or ())}",
        )


def _row(line: int, values: list[str], ordinals: dict[str, int]) -> Row:
    if len(values) != len(COLUMNS):
        raise FileProblem(
            line=line,
            column="(any)",
            detail=f"{len(values)} of {len(COLUMNS)} columns: the line is cut or has a stray comma",
        )
    invoice, code, description, quantity_text, date, price_text, customer, _country = values
    if not invoice:
        raise FileProblem(
            line=line, column="InvoiceNo", detail="is empty; each row needs its invoice"
        )
    quantity = _quantity(line, quantity_text)
    price = _price_micros(price_text)
    if price is None:
        raise FileProblem(
            line=line, column="UnitPrice", detail=f"{price_text!r} is not a price such as 2.55"
        )
    occurred_at = _instant(date)
    if occurred_at is None:
        raise FileProblem(
            line=line,
            column="InvoiceDate",
            detail=f"{date!r} is not an instant such as 2010-12-01 08:26:00",
        )
    ordinals[invoice] = ordinal = ordinals.get(invoice, 0) + 1
    sku = code.upper()
    return Row(
        line,
        invoice,
        ordinal,
        sku,
        description.strip(),
        quantity,
        occurred_at,
        price,
        customer.removesuffix(".0"),
        _class_of(invoice, sku, quantity, price),
    )


def _class_of(invoice: str, sku: str, quantity: int, price: int) -> RowClass:
    if not _STOCK_CODE.match(sku):
        return "not_stock"
    if invoice.startswith("C"):
        return "return"
    if quantity < 0:
        return "write_off"
    return "found" if price == 0 else "sale"


def _quantity(line: int, text: str) -> int:
    try:
        quantity = int(text)
    except ValueError:
        quantity = 0
    if quantity == 0 or abs(quantity) > QUANTITY_MAX:
        raise FileProblem(
            line=line,
            column="Quantity",
            detail=f"{text!r} is not a whole number of units from 1 to {QUANTITY_MAX:,}"
            " (negative for what goes back)",
        )
    return quantity


@lru_cache(maxsize=8192)
def _price_micros(text: str) -> int | None:
    match = _PRICE.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    micros = int(whole) * 1_000_000 + int((fraction or "").ljust(6, "0"))
    return -micros if sign else micros


@lru_cache(maxsize=1024)
def _instant(text: str) -> datetime | None:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    return local.replace(tzinfo=_LOCAL).astimezone(UTC) if local.tzinfo is None else None
