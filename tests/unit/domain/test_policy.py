"""The ledger's policy, and the count of what is reserved under a quota."""

from __future__ import annotations

import pytest

from domain import policy
from domain.events import Event, PolicyEvent, PolicySet, QuotaOpened, ReservedUnitsCounted
from domain.policy import Policy
from domain.refusals import Refusal
from domain.refusals_reservations import (
    PolicyUnchanged,
    QuotaExceeded,
    QuotaNotWaiting,
    ReservationTooLong,
)
from domain.values import Fact, Facts
from tests.builders import (
    committed,
    expired,
    happened,
    minute,
    occasion,
    released,
    reserved,
    shipped,
    shipped_line,
)


def after(*events: PolicyEvent) -> Policy:
    found = None
    for event in events:
        found = policy.evolve(found, event, minute(0))
    assert found is not None
    return found


def facts(*events: Event) -> Facts:
    made = occasion()
    return tuple(
        Fact(stream="stock-A-1@WH", event=each, event_id=made.new_id(), occurred_at=minute(0))
        for each in events
    )


def counted(known: Policy | None, *events: Event) -> PolicyEvent | None:
    """The count that is added to these facts, if one is."""
    given = facts(*events)
    decided = policy.counted(known, given, occasion())
    assert not isinstance(decided, Refusal), decided.sentence()
    assert decided[: len(given)] == given
    added = decided[len(given) :]
    if not added:
        return None
    (fact,) = added
    assert isinstance(fact.event, ReservedUnitsCounted)
    assert fact.stream == "policy-ledger"
    return fact.event


def test_a_policy_is_set_as_a_whole_and_only_when_it_changes() -> None:
    wanted = PolicySet(reservation_quota=5, reason_codes=("broken",))
    assert happened(policy.set_to(None, wanted, occasion())) == [wanted]
    assert policy.set_to(after(wanted), wanted, occasion()) == PolicyUnchanged(policy_version=1)
    assert policy.set_to(None, PolicySet(), occasion()) == PolicyUnchanged(policy_version=0)


@pytest.mark.parametrize("known", [None, after(PolicySet(approval_units=5))])
def test_without_a_quota_nothing_is_counted(known: Policy | None) -> None:
    assert counted(known, reserved("r", 5)) is None


def test_what_reserves_and_what_gives_back_is_counted_as_one_figure() -> None:
    known = after(PolicySet(reservation_quota=10))
    assert counted(known, reserved("r", 4), expired("old", 3)) == ReservedUnitsCounted(
        delta=1, known=1
    )
    for ending in (released("r", 4), expired("r", 4), shipped(4, reservation="r")):
        assert counted(known, ending) == ReservedUnitsCounted(delta=-4, known=-4)


def test_what_moves_no_reserved_units_is_not_looked_at() -> None:
    assert not policy.moves_reserved(facts(committed("o", 1), shipped_line("o", 1), shipped(2)))
    for event in (reserved("r", 1), released("r", 1), expired("r", 1), shipped(1, reservation="r")):
        assert policy.moves_reserved(facts(event))


def test_more_than_the_quota_is_refused_and_giving_back_never_is() -> None:
    known = after(PolicySet(reservation_quota=5), ReservedUnitsCounted(delta=4, known=4))
    refused = policy.counted(known, facts(reserved("r", 2)), occasion())
    assert refused == QuotaExceeded(quota=5, open=4, requested=2)
    assert counted(known, reserved("r", 1)) == ReservedUnitsCounted(delta=1, known=5)
    lowered = after(
        PolicySet(reservation_quota=5),
        ReservedUnitsCounted(delta=4, known=4),
        PolicySet(reservation_quota=1),
    )
    assert counted(lowered, released("r", 1)) == ReservedUnitsCounted(delta=-1, known=3)


def test_what_was_reserved_before_the_quota_is_added_once() -> None:
    began = after(PolicySet(approval_units=3), PolicySet(reservation_quota=50))
    assert (began.quota_since, began.is_opened) == (2, False)
    moved = policy.evolve(began, ReservedUnitsCounted(delta=-3, known=-3), minute(0))
    told = happened(policy.open_quota(moved, 20, 2, occasion()))
    assert told == [QuotaOpened(units=20, policy_version=2)]
    opened = policy.evolve(moved, QuotaOpened(units=20, policy_version=2), minute(0))
    assert (opened.reserved_units, opened.is_opened) == (17, True)
    again = policy.open_quota(opened, 20, 2, occasion())
    assert again == QuotaNotWaiting(policy_version=2)


def test_a_quota_that_was_taken_off_and_set_again_waits_for_a_new_figure() -> None:
    known = after(
        PolicySet(reservation_quota=50),
        ReservedUnitsCounted(delta=5, known=5),
        PolicySet(),
        PolicySet(reservation_quota=40),
    )
    assert (known.reserved_units, known.quota_since) == (0, 4)
    assert isinstance(policy.open_quota(known, 9, 1, occasion()), QuotaNotWaiting)
    assert not isinstance(policy.open_quota(known, 9, 4, occasion()), Refusal)


def test_another_quota_goes_on_counting() -> None:
    known = after(
        PolicySet(reservation_quota=50),
        QuotaOpened(units=7, policy_version=1),
        PolicySet(reservation_quota=40),
    )
    assert (known.reserved_units, known.quota_since, known.is_opened) == (7, 1, True)


def test_a_reservation_holds_no_longer_than_the_policy_lets() -> None:
    limited = Policy(reservation_seconds_max=600)
    assert policy.too_long(limited, "r", minute(10), occasion()) is None
    assert policy.too_long(None, "r", minute(1_000), occasion()) is None
    assert policy.too_long(limited, "r", minute(11), occasion()) == ReservationTooLong(
        reservation_id="r", expires_at=minute(11), latest=minute(10), seconds_max=600
    )
