"""Stream `policy-ledger`: what the business wants to hold in this ledger, and how much is promised
under it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """The whole policy from here on. None: no limit; no reason codes: any may be given.

    `approval_units`: from so many units on, a write-off or adjustment names who approved it.
    `payment_seconds`: for how long an order waits for its payment (None: PAYMENT_SECONDS).
    """

    reservation_quota: int | None = None
    reservation_seconds_max: int | None = None
    approval_units: int | None = None
    reason_codes: tuple[str, ...] = ()
    payment_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedUnitsCounted:
    """How many reserved units a command added or took away while a quota held, and how many are
    known to be open after it.
    """

    delta: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaOpened:
    """How many units were reserved when the quota began to hold: what was known was without them.

    `policy_version` is the version of this stream by which it began.
    """

    units: int
    policy_version: int
