from datetime import UTC, datetime, timedelta, timezone

import pytest

from api.console import words


@pytest.mark.parametrize(
    ("micros", "currency", "told"),
    [
        (2_550_000, "GBP", "2.55 GBP"),
        (1_234_567_895_000, "GBP", "1,234,567.90 GBP"),
        (-3_950_000, "EUR", "-3.95 EUR"),
        (4_999, "GBP", "0.00 GBP"),
        (9_007_199_254_740_993_000_000, "GBP", "9,007,199,254,740,993.00 GBP"),
        (1_000_000, "XXX", "1.00"),
    ],
)
def test_money_is_exact_however_much(micros: int, currency: str, told: str) -> None:
    assert words.money(micros, currency) == told


def test_instants_are_told_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert words.instant(datetime(2011, 3, 1, 9, 30, tzinfo=there)) == "2011-03-01 07:30:00"
    assert words.instant(datetime(2011, 3, 1, 9, 30, tzinfo=UTC)) == "2011-03-01 09:30:00"
    assert words.instant(None) == words.NONE


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (90, "1.5 min"), (86_400, "1.0 d")]
)
def test_durations_have_the_largest_unit_that_fits(seconds: float, told: str) -> None:
    assert words.duration(seconds) == told


def test_lateness_is_said_in_words() -> None:
    assert words.lateness(0, 0.0, 0) == "✔ up to date"
    assert words.lateness(12, 0.3, 0) == "… 12 events, 0.3 s behind"
    assert words.lateness(1_200, 65, 0) == "▲ 1,200 events, 1.1 min behind"
    assert words.lateness(0, 0.0, 2) == "✖ 2 parked: help is needed"


def test_what_to_do_about_stock_is_said_in_words() -> None:
    fine = {"status": "active", "available": 30, "reorder_point": 20, "short": 0}
    assert words.stock_state(**fine) == "✔ fine"  # type: ignore[arg-type]
    assert words.stock_state(status="active", available=20, reorder_point=20, short=0) == (
        "▲ reorder (at 20)"
    )
    assert words.stock_state(status="discontinued", available=0, reorder_point=0, short=3) == (
        "✖ short of 3, discontinued"
    )


def test_a_movement_is_called_what_happened() -> None:
    assert words.movement("stock.reservation_released.v1") == "reservation released"
