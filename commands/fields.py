"""The kinds of fields that commands are made of: how a value is written, and what it becomes.

Whole numbers are strict (`"5"`, `5.0` and `true` are refused). Instants are RFC 3339 with an offset
and become UTC, so that two spellings of one instant are one command.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"
KEY_PATTERN = r"^[!-~]{1,200}$"
LEDGER_PATTERN = r"^[a-z0-9][a-z0-9-]{0,30}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"
URL_PATTERN = r"^https?://[^\s]{1,1990}$"

QUANTITY_MAX = 1_000_000_000
MONEY_MICROS_MAX = 10**15  # A thousand million of the major unit; sums of many stay inside 64 bits.
ATTRIBUTES_MAX = 50
MEDIA_URLS_MAX = 20
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
MICRODEGREES = 1_000_000


def _instant(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and INSTANT.fullmatch(value)):
        return value
    raise PydanticCustomError("instant", "write an instant with its offset, 2026-03-01T09:30:00Z")


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _not_zero(value: int) -> int:
    if value == 0:
        raise PydanticCustomError("zero", "write a whole number other than 0")
    return value


def _gtin(value: str) -> str:
    digits = [int(digit) for digit in reversed(value)]
    weighted = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    if weighted % 10:
        raise PydanticCustomError("gtin", "the last digit does not check: read the code again")
    return value


def _sorted(value: dict[str, str]) -> dict[str, str]:
    return dict(sorted(value.items()))


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
LedgerName = Annotated[str, StringConstraints(pattern=LEDGER_PATTERN)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]
Gtin = Annotated[str, StringConstraints(pattern=r"^(\d{8}|\d{12,14})$"), AfterValidator(_gtin)]
MediaUrl = Annotated[str, StringConstraints(pattern=URL_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=4_000)]
Note = Annotated[str, StringConstraints(max_length=500)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Attributes = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=64)], Note],
    Field(max_length=ATTRIBUTES_MAX),
    # The order of an object's members means nothing, so it must not make another body either.
    AfterValidator(_sorted),
]

Quantity = Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX)]
Level = Annotated[int, Field(strict=True, ge=0, le=QUANTITY_MAX)]
Change = Annotated[
    int, Field(strict=True, ge=-QUANTITY_MAX, le=QUANTITY_MAX), AfterValidator(_not_zero)
]
LineNumber = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Version = Annotated[int, Field(strict=True, ge=0)]
Price = Annotated[int, Field(strict=True, ge=0, le=MONEY_MICROS_MAX)]
Money = Annotated[int, Field(strict=True, ge=-MONEY_MICROS_MAX, le=MONEY_MICROS_MAX)]
Latitude = Annotated[int, Field(strict=True, ge=-90 * MICRODEGREES, le=90 * MICRODEGREES)]
Longitude = Annotated[int, Field(strict=True, ge=-180 * MICRODEGREES, le=180 * MICRODEGREES)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_utc)]
