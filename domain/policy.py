"""The ledger's policy: what its business wants to hold, and how many reserved units are open.

A quota is counted in the commands that reserve or give back, from the event on by which it began.
What was reserved before is found out beside the commands and opens the count later: from then on
the figure is exact at every position, and until then it is what was reserved since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.events import (
    PolicyEvent,
    PolicySet,
    QuotaOpened,
    ReservationExpired,
    ReservationReleased,
    ReservedUnitsCounted,
    StockReserved,
    StockShipped,
)
from domain.refusals import Refusal
from domain.refusals_reservations import (
    PolicyUnchanged,
    QuotaExceeded,
    QuotaNotWaiting,
    ReservationTooLong,
)
from domain.streams import POLICY_STREAM
from domain.values import Fact, Facts, Occasion

RESERVING = frozenset({StockReserved, ReservationReleased, ReservationExpired})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`reserved_units` is counted while a quota holds, since version `quota_since` of the stream;
    `is_opened` says that what was reserved before is in it.
    """

    version: int = 0

    reservation_quota: int | None = None
    reservation_seconds_max: int | None = None
    approval_units: int | None = None
    reason_codes: tuple[str, ...] = ()
    payment_seconds: int | None = None
    reserved_units: int = 0
    quota_since: int | None = None
    is_opened: bool = False

    def as_set(self) -> PolicySet:
        return PolicySet(
            reservation_quota=self.reservation_quota,
            reservation_seconds_max=self.reservation_seconds_max,
            approval_units=self.approval_units,
            reason_codes=self.reason_codes,
            payment_seconds=self.payment_seconds,
        )


def evolve(
    policy: Policy | None,
    event: PolicyEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Policy:
    """The state after one more fact of its stream."""
    known = policy or Policy()
    before = replace(known, version=known.version + 1)
    match event:
        case PolicySet():
            has_quota = event.reservation_quota is not None
            counts_on = has_quota and before.reservation_quota is not None
            began = before.version if has_quota else None
            return Policy(
                version=before.version,
                reservation_quota=event.reservation_quota,
                reservation_seconds_max=event.reservation_seconds_max,
                approval_units=event.approval_units,
                reason_codes=event.reason_codes,
                payment_seconds=event.payment_seconds,
                reserved_units=before.reserved_units if counts_on else 0,
                quota_since=before.quota_since if counts_on else began,
                is_opened=before.is_opened and counts_on,
            )
        case ReservedUnitsCounted(known=units):
            return replace(before, reserved_units=units)
        case QuotaOpened(units=units):
            return replace(before, reserved_units=before.reserved_units + units, is_opened=True)


def set_to(policy: Policy | None, wanted: PolicySet, occasion: Occasion) -> Facts | Refusal:
    """The wanted policy becomes a fact unless it holds already."""
    known = policy or Policy()
    if wanted == known.as_set():
        return PolicyUnchanged(policy_version=known.version)
    return (_fact(wanted, occasion),)


def open_quota(
    policy: Policy | None, units: int, policy_version: int, occasion: Occasion
) -> Facts | Refusal:
    """State how many units were reserved when the quota began, by that version of the policy."""
    if policy is None or policy.is_opened or policy.quota_since != policy_version:
        return QuotaNotWaiting(policy_version=policy_version)
    return (_fact(QuotaOpened(units=units, policy_version=policy_version), occasion),)


def moves_reserved(facts: Facts) -> bool:
    """Whether any of these facts changes how many units are reserved."""
    for fact in facts:
        kind = type(fact.event)
        if kind in RESERVING or (
            kind is StockShipped and fact.event.reservation_id is not None  # type: ignore[union-attr]
        ):
            return True
    return False


def counted(policy: Policy | None, facts: Facts, occasion: Occasion) -> Facts | QuotaExceeded:
    """The facts with the count that they lead to; as they are where no quota holds."""
    if policy is None or policy.reservation_quota is None:
        return facts
    delta = sum(_reserved(fact) for fact in facts)
    if not delta:
        return facts
    quota, known = policy.reservation_quota, policy.reserved_units
    if delta > 0 and known + delta > quota:
        return QuotaExceeded(quota=quota, open=known, requested=delta)
    return (*facts, _fact(ReservedUnitsCounted(delta=delta, known=known + delta), occasion))


def too_long(
    policy: Policy | None, reservation_id: str, expires_at: datetime, occasion: Occasion
) -> ReservationTooLong | None:
    """Whether a reservation that begins or is extended on the occasion would hold for too long."""
    if policy is None or policy.reservation_seconds_max is None:
        return None
    latest = occasion.now + timedelta(seconds=policy.reservation_seconds_max)
    if expires_at <= latest:
        return None
    return ReservationTooLong(
        reservation_id=reservation_id,
        expires_at=expires_at,
        latest=latest,
        seconds_max=policy.reservation_seconds_max,
    )


def _reserved(fact: Fact) -> int:
    match fact.event:
        case StockReserved(quantity=units):
            return units
        case ReservationReleased(quantity=units) | ReservationExpired(quantity=units):
            return -units
        case StockShipped(quantity=units, reservation_id=str()):
            return -units
        case _:
            return 0


def _fact(event: PolicyEvent, occasion: Occasion) -> Fact:
    return Fact(
        stream=POLICY_STREAM,
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
