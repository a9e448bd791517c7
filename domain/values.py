"""Small values that decisions take and give, and the limits of what a command may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from domain.construction import made_often
from domain.events import Event

# One word, 1 to 64 characters. No `@`: it parts the SKU from the location in a stock's stream name.
ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"
# Tenants and ledgers; the tables of both check the same.
SLUG_PATTERN = r"^[a-z0-9][a-z0-9-]{0,30}$"
REASON_CODE_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"
# Printable ASCII: what an HTTP header can carry.
KEY_PATTERN = r"^[ -~]{1,200}$"

QUANTITY_MAX = 1_000_000_000
PRICE_MICROS_MAX = 10**15  # A thousand million of the currency's major unit.
ORDER_LINES_MAX = 2_000
SHELF_LIFE_DAYS_MAX = 36_500
LOTS_MAX = 1_000  # Lots or serials named by one command or line.
REASON_CODES_MAX = 200
PAYMENT_SECONDS_MAX = 366 * 86_400
RESERVATION_SECONDS_MAX = 10 * 366 * 86_400
NAME_LENGTH_MAX = 200
UNIT_LENGTH_MAX = 32
REASON_LENGTH_MAX = 200
DESCRIPTION_LENGTH_MAX = 10_000
URL_LENGTH_MAX = 2_000
MEDIA_URLS_MAX = 20
ATTRIBUTES_MAX = 50
ATTRIBUTE_LENGTH_MAX = 200
GTIN_LENGTHS = (8, 12, 13, 14)


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event that was decided: where it belongs, its id, and when it happened (aware UTC).

    `after` is its stream's state with it, where the decision has that at hand. It saves the caller
    a fold, and says nothing else than the fold would.
    """

    stream: str
    event: Event
    event_id: UUID
    occurred_at: datetime
    after: object | None = field(default=None, compare=False, repr=False)


Facts = tuple[Fact, ...]


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a decision may not find out by itself: when the business says it happened, what the
    clock says (the instant the events will be recorded at), where new event ids come from, and the
    opaque id of whoever asks.
    """

    occurred_at: datetime
    now: datetime
    new_id: Callable[[], UUID]
    actor: str = ""


def day_of(instant: datetime) -> date:
    """The day in UTC: what dates are told by."""
    return instant.astimezone(UTC).date()


def is_gtin(text: str) -> bool:
    """8, 12, 13 or 14 ASCII digits whose last is the GS1 check digit of the others."""
    if len(text) not in GTIN_LENGTHS or not (text.isascii() and text.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(text)]
    weighted = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return weighted % 10 == 0
