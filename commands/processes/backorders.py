"""The allocator: when units become available where orders wait, they are allocated, by a command.

In which order the waiting are served is the stock's queue and the ledger's policy to say: this only
says that it is time. While one allocation is under way, any number of arrivals ask for one more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import json

from commands.processes.process import Happened, Instance, Reaction, Sent, Task
from domain.events import BackorderClosed, StockBackordered
from domain.quantities import deltas
from domain.streams import id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingStock:
    """Units that wait at one stock; whether an allocation was asked for and has no answer yet, and
    whether more became available since it was.
    """

    units: int = 0
    is_asked: bool = False
    is_more: bool = False


class Allocator:
    """A `ProcessManager` with an instance for each stock at which orders wait."""

    name = "backorders"
    # Whatever may make units available; what takes them is of no concern.
    handles = frozenset(
        {
            "stock.backordered.v1",
            "stock.backorder_closed.v1",
            "stock.received.v1",
            "stock.adjusted.v2",
            "stock.counted.v1",
            "stock.count_restated.v1",
            "stock.discrepancy_found.v1",
            "stock.reservation_released.v1",
            "stock.reservation_expired.v1",
            "stock.commitment_released.v1",
            "stock.returned.v1",
            "stock.hold_released.v1",
            "stock.moved_in.v1",
            "stock.arrived.v1",
            "stock.produced.v1",
        }
    )
    state_type = WaitingStock

    def may_concern(self, type_name: str, data: bytes) -> bool:
        del type_name, data
        return True

    def instances(self, happened: Happened) -> Iterable[Instance]:
        return (Instance(ledger=happened.ledger, id=id_of(happened.stream)),)

    def react(
        self, happened: Happened, instance: Instance, state: WaitingStock | None
    ) -> Reaction[WaitingStock]:
        match happened.event:
            case StockBackordered(quantity=units):
                before = state or WaitingStock()
                return Reaction(state=replace(before, units=before.units + units))
            case BackorderClosed(quantity=units) if state is not None:
                left = replace(state, units=state.units - units)
                # Forgotten only once no answer is due any more.
                return Reaction(state=left if left.units > 0 or left.is_asked else None)
            case _ if state is None or state.units <= 0 or not _frees(happened):
                return Reaction(state=state)
            case _ if state.is_asked:
                return Reaction(state=replace(state, is_more=True))
            case _:
                asked = replace(state, is_asked=True)
                task = _allocation(instance, str(happened.position), happened.recorded_at)
                return Reaction(state=asked, tasks=(task,))

    def answered(
        self, sent: Sent, instance: Instance, state: WaitingStock | None
    ) -> Reaction[WaitingStock]:
        """A command looks at only so many orders: asked again until there is nothing to allocate,
        behind those that cannot be served, then for all if more became available meanwhile.
        """
        if state is None:
            return Reaction(state=None)
        served = sent.answer.outcome == "accepted"
        after = sent.command.get("after") if served else _looked_at(sent)
        if state.units > 0 and (served or after is not None or state.is_more):
            again = _allocation(instance, _next_name(sent), sent.answered_at, after=after)
            is_more = state.is_more and after is not None
            return Reaction(state=replace(state, is_more=is_more), tasks=(again,))
        left = replace(state, is_asked=False, is_more=False)
        return Reaction(state=left if left.units > 0 else None)


def _frees(happened: Happened) -> bool:
    """Whether more may be available after the event than before it."""
    moved = deltas(happened.event)
    return moved.on_hand - moved.reserved - moved.committed - moved.picked - moved.held > 0


def _allocation(instance: Instance, name: str, due_at: datetime, *, after: object = None) -> Task:
    sku, _, location = instance.id.partition("@")
    command = {
        "type": "allocate_backorders",
        "ledger": instance.ledger.partition("/")[2],
        "sku": sku,
        "location": location,
    }
    behind = {} if after is None else {"after": after}
    return Task(id=f"allocate/{instance.id}/{name}", due_at=due_at, command=command | behind)


def _looked_at(sent: Sent) -> object:
    """The last order that a refused command looked at, None when there is none behind it."""
    return json.decode(sent.answer.body).get("refusal", {}).get("after")


def _next_name(sent: Sent) -> str:
    """`12` is asked for again as `12+1`, that one as `12+2`."""
    name, _, times = sent.id.rpartition("/")[2].partition("+")
    return f"{name}+{int(times or 0) + 1}"
