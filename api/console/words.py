"""Numbers, instants and states as people read them: in words, never by colour alone."""

from __future__ import annotations

from datetime import UTC, datetime

MICROS, CENT = 1_000_000, 10_000
HALF_CENT = CENT // 2
LATE_SECONDS = 2.0  # Read models are expected to show an event within this.
MINUTE, HOUR, DAY = 60, 3_600, 86_400
NONE = "–"


def number(value: int | None) -> str:
    """With commas between thousands; a dash when it is not known."""
    return NONE if value is None else f"{value:,}"


def money(micros: int, currency: str) -> str:
    """Millionths as whole units and hundredths; exact, however many."""
    whole, rest = divmod(abs(int(micros)) + HALF_CENT, MICROS)
    sign = "-" if micros < 0 else ""
    return f"{sign}{whole:,}.{rest // CENT:02} {currency}".removesuffix(" XXX")


def instant(value: datetime | None) -> str:
    """In UTC, to the second."""
    return NONE if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """In the largest unit that is not below one."""
    for name, size in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.1f} s"


def movement(type_name: str) -> str:
    """`stock.reservation_released.v1` becomes `reservation released`."""
    return type_name.removeprefix("stock.").rpartition(".")[0].replace("_", " ")


def status(value: str) -> str:
    """`partly_shipped` becomes `partly shipped`."""
    return value.replace("_", " ")


def lateness(lag_events: int, age_seconds: float, parked_streams: int) -> str:
    """How a read model is: a sign, and the words for it."""
    if parked_streams:
        return f"✖ {parked_streams} parked: help is needed"
    if not lag_events:
        return "✔ up to date"
    behind = f"{number(lag_events)} events, {duration(age_seconds)} behind"
    return f"▲ {behind}" if age_seconds > LATE_SECONDS else f"… {behind}"


def stock_state(*, status: str, available: int, reorder_point: int, short: int) -> str:
    """What to do about an item's stock, if anything."""
    found = []
    if short:
        found.append(f"✖ short of {number(short)}")
    if reorder_point and available <= reorder_point:
        found.append(f"▲ reorder (at {number(reorder_point)})")
    if status != "active":
        found.append(status)
    return ", ".join(found) or "✔ fine"
