"""Finds out how many units were reserved when a quota began, and has that stated.

The commands count from that event on. What was reserved before, only the whole log tells: so it is
summed up here, all the time, and said once a quota asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from commands.processes.clock import MARK_OF_RESERVATION, SHIPPED
from commands.processes.process import Happened, Instance, Reaction, Sent, Task
from domain.events import PolicySet
from domain.quantities import deltas


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Units reserved in a ledger, and whether a quota holds there."""

    units: int = 0
    has_quota: bool = False


class QuotaOpening:
    """A `ProcessManager` with one instance a ledger."""

    name = "quota"
    handles = frozenset(
        {
            "stock.reserved.v1",
            "stock.reservation_released.v1",
            "stock.reservation_expired.v1",
            SHIPPED,
            "policy.set.v1",
        }
    )
    state_type = Reserved

    def may_concern(self, type_name: str, data: bytes) -> bool:
        return type_name != SHIPPED or MARK_OF_RESERVATION in data

    def instances(self, happened: Happened) -> Iterable[Instance]:
        return (Instance(ledger=happened.ledger, id="ledger"),)

    def react(
        self, happened: Happened, instance: Instance, state: Reserved | None
    ) -> Reaction[Reserved]:
        del instance
        before = state or Reserved()
        if not isinstance(happened.event, PolicySet):
            units = before.units + deltas(happened.event).reserved
            return Reaction(state=replace(before, units=units))
        has_quota = happened.event.reservation_quota is not None
        begins = has_quota and not before.has_quota
        return Reaction(
            state=replace(before, has_quota=has_quota),
            tasks=(_opening(happened, before.units),) if begins else (),
        )

    def answered(
        self, sent: Sent, instance: Instance, state: Reserved | None
    ) -> Reaction[Reserved]:
        """Refused is what a later policy has made needless."""
        del sent, instance
        return Reaction(state=state)


def _opening(happened: Happened, units: int) -> Task:
    return Task(
        id=f"open/{happened.stream_version}",
        due_at=happened.recorded_at,
        command={
            "type": "open_quota",
            "ledger": happened.ledger_name,
            "units": units,
            "policy_version": happened.stream_version,
        },
    )
