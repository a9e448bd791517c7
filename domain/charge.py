"""A charge: money without goods, recorded once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.events import ChargeEvent, ChargeRecorded
from domain.order import Order
from domain.refusals import ChargeExists, Refusal, UnknownOrder
from domain.streams import charge_stream
from domain.values import Fact, Facts, Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    charge_id: str


def evolve(
    charge: Charge | None,  # noqa: ARG001 - a charge has one fact
    event: ChargeEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Charge:
    """The state after one more fact of its stream."""
    return Charge(charge_id=event.charge_id)


def record(
    charge: Charge | None, proposed: ChargeRecorded, order: Order | None, occasion: Occasion
) -> Facts | Refusal:
    """`order` is the one that `proposed.order_id` names."""
    if charge is not None:
        return ChargeExists(charge_id=proposed.charge_id)
    if proposed.order_id is not None and order is None:
        return UnknownOrder(order_id=proposed.order_id)
    fact = Fact(
        stream=charge_stream(proposed.charge_id),
        event=proposed,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
    return (fact,)
