"""A business's own start: items and stock from plain CSV files with a header.

Every line is checked before the first one is sent, with the same rules as the API's.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from pydantic import ValidationError

from commands.complaints import complaints
from commands.messages import COMMAND
from ops.stack.errors import StackError

Body = dict[str, Any]
COMPLAINTS_SHOWN_MAX: Final = 50
_WHOLE_NUMBERS: Final = frozenset({"quantity", "reorder_point", "safety_stock", "backorder_limit"})
ITEM_COLUMNS: Final = (
    "sku",
    "name",
    "description",
    "category",
    "gtin",
    "unit",
    "tracking",
    "reorder_point",
    "safety_stock",
    "backorder_limit",
)
STOCK_COLUMNS: Final = (
    "sku",
    "location",
    "quantity",
    "document",
    "lot",
    "expires_on",
    "serial",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """`line` counts from 1, the header."""

    line: int
    column: str
    detail: str


class TableError(StackError):
    """The file cannot be imported as it is; nothing of it was sent."""

    def __init__(self, path: Path, found: Sequence[Complaint]) -> None:
        shown = [f"  line {c.line}, {c.column}: {c.detail}" for c in found[:COMPLAINTS_SHOWN_MAX]]
        more = len(found) - len(shown)
        tail = [f"  … and {more} more"] if more > 0 else []
        count = f"{len(found)} line{'s' if len(found) > 1 else ''} cannot be read"
        super().__init__("\n".join([f"{path}: {count}; nothing was sent", *shown, *tail]))
        self.complaints = tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    number: int
    values: Mapping[str, str]


def item_commands(path: Path, *, source: str, ledger: str) -> list[Body]:
    """One `register_item` for each line. Raises TableError with everything that is wrong."""

    def body(line: Line) -> Body:
        return {"type": "register_item", "key": f"{source}:item:{line.values['sku']}"}

    return _checked(path, _lines(path, ITEM_COLUMNS, required=("sku", "name")), body, ledger)


def stock_commands(path: Path, *, source: str, ledger: str) -> list[Body]:
    """One `receive_stock` for each line, after one `register_location` for each location. A line
    is of one lot, or of one serial, where its item is tracked.
    """
    lines = _lines(path, STOCK_COLUMNS, required=("sku", "location", "quantity"))
    seen: Counter[tuple[str, str]] = Counter()

    def body(line: Line) -> Body:
        place = (line.values["sku"], line.values["location"])
        seen[place] += 1
        key = f"{source}:stock:{place[0]}@{place[1]}:{seen[place]}"
        return {"type": "receive_stock", "key": key}

    receipts = _checked(path, lines, body, ledger)
    places = dict.fromkeys(receipt["location"] for receipt in receipts)
    known = [
        {
            "type": "register_location",
            "key": f"{source}:location:{place}",
            "ledger": ledger,
            "location": place,
            "name": place,
        }
        for place in places
    ]
    return known + receipts


def _checked(
    path: Path, lines: Sequence[Line], body: Callable[[Line], Body], ledger: str
) -> list[Body]:
    found: list[Complaint] = []
    bodies = []
    for line in lines:
        command = _named({**body(line), "ledger": ledger, **_typed(line, found)}, line, found)
        try:
            COMMAND.validate_python(command)
        except ValidationError as error:
            found += [
                Complaint(line=line.number, column=_column(each.pointer), detail=each.detail)
                for each in complaints(error)
            ]
        bodies.append(command)
    if found:
        raise TableError(path, found)
    return bodies


def _named(command: Body, line: Line, found: list[Complaint]) -> Body:
    """The lot or serial that a line names as a command has it."""
    lot, serial = command.pop("lot", None), command.pop("serial", None)
    expires_on = command.pop("expires_on", None)
    wrong = None
    if lot and serial:
        wrong = ("serial", "name a lot or a serial, not both")
    elif expires_on and not lot:
        wrong = ("expires_on", "name the lot that expires then")
    elif serial and command.get("quantity", 1) != 1:
        wrong = ("quantity", "a serial is one unit: write 1")
    if wrong is not None:
        found.append(Complaint(line=line.number, column=wrong[0], detail=wrong[1]))
    elif lot:
        named = {"lot": lot, "quantity": command.get("quantity", 1)}
        command["lots"] = [named | ({"expires_on": expires_on} if expires_on else {})]
    elif serial:
        command["serials"] = [serial]
    return command


def _column(pointer: str) -> str:
    """Of `/lots/0/expires_on` the last part; a serial's is a number."""
    parts = pointer.lstrip("/").split("/")
    return "serial" if parts[0] == "serials" else parts[-1]


def _typed(line: Line, found: list[Complaint]) -> Body:
    values: Body = {}
    for column, text in line.values.items():
        if not text:
            continue
        values[column] = text
        if column in _WHOLE_NUMBERS:
            try:
                values[column] = int(text)
            except ValueError:
                detail = f"{text!r} is not a whole number"
                found.append(Complaint(line=line.number, column=column, detail=detail))
                values[column] = 1  # already complained about
    return values


def _lines(path: Path, columns: Sequence[str], *, required: Sequence[str]) -> list[Line]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            return list(_read(path, text, columns, required))
    except UnicodeDecodeError as error:
        detail = f"byte {error.object[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        raise TableError(path, [Complaint(line=1, column="(any)", detail=detail)]) from error


def _read(
    path: Path, text: TextIO, columns: Sequence[str], required: Sequence[str]
) -> Iterator[Line]:
    reader = csv.reader(text, strict=True)
    header = next(reader, [])
    unknown = [name for name in header if name not in columns]
    missing = [name for name in required if name not in header]
    if unknown or missing:
        wrong = f"unknown: {', '.join(unknown)}; " if unknown else ""
        lacking = f"missing: {', '.join(missing)}; " if missing else ""
        detail = f"{wrong}{lacking}the columns are {', '.join(columns)}"
        raise TableError(path, [Complaint(line=1, column="(header)", detail=detail)])
    try:
        for values in reader:
            if len(values) != len(header):
                detail = f"{len(values)} of {len(header)} columns: cut, or a stray comma"
                raise TableError(
                    path, [Complaint(line=reader.line_num, column="(any)", detail=detail)]
                )
            named = dict(zip(header, (value.strip() for value in values), strict=True))
            yield Line(number=reader.line_num, values=named)
    except csv.Error as error:
        complaint = Complaint(line=reader.line_num, column="(any)", detail=f"no CSV: {error}")
        raise TableError(path, [complaint]) from error
