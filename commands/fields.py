"""The kinds of fields that commands are made of: how a value is written, and what it becomes.

Whole numbers are strict (`"5"`, `5.0` and `true` are refused). Instants are RFC 3339 with an offset
and become UTC, so that two spellings of one instant are one command.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from domain.values import (
    ATTRIBUTE_LENGTH_MAX,
    ATTRIBUTES_MAX,
    CURRENCY_PATTERN,
    DESCRIPTION_LENGTH_MAX,
    ID_PATTERN,
    KEY_PATTERN,
    NAME_LENGTH_MAX,
    PRICE_MICROS_MAX,
    QUANTITY_MAX,
    REASON_CODE_PATTERN,
    REASON_LENGTH_MAX,
    SLUG_PATTERN,
    UNIT_LENGTH_MAX,
    URL_LENGTH_MAX,
    is_gtin,
)

URL_PATTERN = r"^https?://\S+$"
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MICRODEGREES = 1_000_000


def _instant(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and INSTANT.fullmatch(value)):
        return value
    raise PydanticCustomError("instant", "write an instant with its offset, 2026-03-01T09:30:00Z")


def _day(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and DAY.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise PydanticCustomError("day", "write a day, 2026-03-31")


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError(
            "instant_range", "write an instant whose year is 1 to 9999 in UTC too"
        ) from error


def _not_zero(value: int) -> int:
    if value == 0:
        raise PydanticCustomError("zero", "write a whole number other than 0")
    return value


def _gtin(value: str) -> str:
    if not is_gtin(value):
        raise PydanticCustomError(
            "gtin", "write 8, 12, 13 or 14 digits; the last one checks the others"
        )
    return value


def _sorted(value: dict[str, str]) -> dict[str, str]:
    return dict(sorted(value.items()))


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
LedgerName = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]
Gtin = Annotated[str, AfterValidator(_gtin)]
MediaUrl = Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=URL_LENGTH_MAX)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX, strip_whitespace=True)
]
Unit = Annotated[
    str, StringConstraints(min_length=1, max_length=UNIT_LENGTH_MAX, strip_whitespace=True)
]
Text = Annotated[str, StringConstraints(max_length=DESCRIPTION_LENGTH_MAX)]
Note = Annotated[str, StringConstraints(max_length=REASON_LENGTH_MAX)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=REASON_LENGTH_MAX, strip_whitespace=True)
]
Attribute = Annotated[str, StringConstraints(max_length=ATTRIBUTE_LENGTH_MAX)]
Attributes = Annotated[
    dict[Annotated[Attribute, StringConstraints(min_length=1)], Attribute],
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
Price = Annotated[int, Field(strict=True, ge=0, le=PRICE_MICROS_MAX)]
Money = Annotated[int, Field(strict=True, ge=-PRICE_MICROS_MAX, le=PRICE_MICROS_MAX)]
Latitude = Annotated[int, Field(strict=True, ge=-90 * MICRODEGREES, le=90 * MICRODEGREES)]
Longitude = Annotated[int, Field(strict=True, ge=-180 * MICRODEGREES, le=180 * MICRODEGREES)]
InUnit = Annotated[
    Unit | None,
    Field(description="What the quantity is counted in; left out: the item's own unit."),
]
ReasonCode = Annotated[str, StringConstraints(pattern=REASON_CODE_PATTERN)]
Approver = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="Your own name for whoever agreed; the log only holds an opaque subject id.",
    ),
]
Day = Annotated[date, BeforeValidator(_day)]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_utc)]
