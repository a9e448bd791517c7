"""Why units were adjusted or written off, and whether that is enough for the ledger's policy."""

from __future__ import annotations

from dataclasses import dataclass

from domain.policy import Policy
from domain.refusals_grounds import (
    ApprovalNeeded,
    ApproverIsActor,
    GroundsRefusal,
    UnknownReasonCode,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """`approved_by` is the subject id of whoever agreed."""

    reason_code: str = ""
    document: str = ""
    approved_by: str | None = None


UNFOUNDED = Grounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundRules:
    """What a policy asks for: `reason_codes` are those allowed, empty for any; from
    `approval_units` on somebody else than the actor must have agreed, None for never.
    """

    reason_codes: tuple[str, ...] = ()
    approval_units: int | None = None


UNRULED = GroundRules()


def rules_of(policy: Policy | None) -> GroundRules:
    """What the ledger's policy says; without one nothing is asked."""
    if policy is None:
        return UNRULED
    return GroundRules(reason_codes=policy.reason_codes, approval_units=policy.approval_units)


def lacking(
    grounds: Grounds, units: int, rules: GroundRules, *, sku: str, location: str, actor: str
) -> GroundsRefusal | None:
    """What is asked for and not given, for so many units."""
    if rules.reason_codes and grounds.reason_code not in rules.reason_codes:
        return UnknownReasonCode(
            sku=sku,
            location=location,
            reason_code=grounds.reason_code,
            allowed=rules.reason_codes,
        )
    if rules.approval_units is None or units < rules.approval_units:
        return None
    if grounds.approved_by is None:
        return ApprovalNeeded(
            sku=sku, location=location, units=units, approval_units=rules.approval_units
        )
    if grounds.approved_by == actor:
        return ApproverIsActor(sku=sku, location=location, units=units)
    return None
