"""Kind `policy`: what the business wants to hold in its ledger, and what is reserved under it."""

from __future__ import annotations

from domain.policy import Policy, evolve
from projections.documents.kind import Kind, one_by_one


def status(_: Policy) -> str:
    """A policy is never over."""
    return "active"


def refs(_: Policy) -> tuple[str, ...]:
    """A ledger has one, which nobody needs to find."""
    return ()


POLICIES = Kind(
    name="policy",
    types=("policy.set.v1", "policy.reserved_units_counted.v1", "policy.quota_opened.v1"),
    state=Policy,
    fold=one_by_one(evolve),
    status=status,
    refs=refs,
)
