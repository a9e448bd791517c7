"""The clock of lots: on the day after its last good one, what is left of a lot is put on hold.

An instance is a stock that has lots with a last good day; each such lot has a task for as long as
units of it are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeGuard

from commands.processes.process import Happened, Instance, Reaction, Sent, Task, said_again
from domain.events import StockTraced
from domain.refusals_lots import LotNotExpired
from domain.streams import id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringLot:
    """`expires_on` is the last good day; None: none was told yet."""

    units: int
    expires_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringStock:
    """By lot: those with units here; of serials only those that have a last good day."""

    lots: Mapping[str, ExpiringLot] = field(default_factory=dict)


class LotExpiry:
    """A `ProcessManager` with an instance for each stock of lots that expire."""

    name = "lots"
    handles = frozenset({"stock.traced.v1"})
    state_type = ExpiringStock

    def may_concern(self, type_name: str, data: bytes) -> bool:
        del type_name, data
        return True

    def instances(self, happened: Happened) -> Iterable[Instance]:
        return (Instance(ledger=happened.ledger, id=id_of(happened.stream)),)

    def react(
        self, happened: Happened, instance: Instance, state: ExpiringStock | None
    ) -> Reaction[ExpiringStock]:
        if not isinstance(happened.event, StockTraced):
            return Reaction(state=state)
        lots = dict(state.lots) if state else {}
        before = dict(lots)
        for traced in happened.event.units:
            known = lots.pop(traced.lot, None)
            expires_on = traced.expires_on or (known.expires_on if known else None)
            units = traced.on_hand + (known.units if known else 0)
            if units > 0 and (expires_on is not None or not happened.event.serials):
                lots[traced.lot] = ExpiringLot(units=units, expires_on=expires_on)
        if lots == before:
            return Reaction(state=state)
        gone = [
            _task_id(instance, lot, was.expires_on)
            for lot, was in before.items()
            if _ends(was.expires_on) and (lot not in lots or lots[lot].expires_on != was.expires_on)
        ]
        tasks = [
            _expiry(instance, lot, now.expires_on)
            for lot, now in lots.items()
            if _ends(now.expires_on)
            and (lot not in before or before[lot].expires_on != now.expires_on)
        ]
        left = ExpiringStock(lots=lots) if lots else None
        return Reaction(state=left, tasks=tuple(tasks), cancelled=tuple(gone))

    def answered(
        self, sent: Sent, instance: Instance, state: ExpiringStock | None
    ) -> Reaction[ExpiringStock]:
        """Held or not, a lot expires once at a stock: units that come later are told as expired."""
        del instance
        if state is None:
            return Reaction(state=None)
        due_at = sent.not_due_before(LotNotExpired.code, "expires_on")
        if due_at is not None and sent.answer.code == LotNotExpired.code:
            due_at = _after(due_at.date()) if _ends(due_at.date()) else None
        return Reaction(state=state, tasks=said_again(sent, due_at))


def _ends(expires_on: date | None) -> TypeGuard[date]:
    """The last day there is stands for never: no day comes after it."""
    return expires_on is not None and expires_on < date.max


def _task_id(instance: Instance, lot: str, expires_on: date) -> str:
    return f"expire/{instance.id}/{lot}/{expires_on.isoformat()}"


def _expiry(instance: Instance, lot: str, expires_on: date) -> Task:
    sku, _, location = instance.id.partition("@")
    due_at = _after(expires_on)
    return Task(
        id=_task_id(instance, lot, expires_on),
        due_at=due_at,
        command={
            "type": "expire_lot",
            "ledger": instance.ledger.partition("/")[2],
            "sku": sku,
            "location": location,
            "lot": lot,
            "occurred_at": due_at,
        },
    )


def _after(expires_on: date) -> datetime:
    return datetime.combine(expires_on + timedelta(days=1), time(), tzinfo=UTC)
