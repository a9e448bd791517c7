"""Units that two ledgers of a tenant do not agree on: each of the two is lawful in itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain import events as facts
from domain.events import Event

Commands = Sequence[Sequence[Event]]
HALL: dict[str, Any] = {"sku": "MUG", "location": "hall"}
LEEDS: dict[str, Any] = {"sku": "MUG", "location": "leeds"}


def sent(units: int = 2, crossing_id: str = "x", **changed: Any) -> list[Event]:
    """By `main`, from hall to leeds in `outlet`."""
    of: dict[str, Any] = {"line": 1, "quantity": units}
    name = f"crossing {crossing_id}"
    way: dict[str, Any] = {"to_ledger": "outlet", "origin": "hall", "destination": "leeds"}
    line = facts.CrossingLine(sku="MUG", **of)
    return [
        facts.CrossingDispatched(crossing_id=crossing_id, lines=(line,), **(way | changed)),
        facts.StockDispatched(**HALL, **of, transfer_id=name, destination="outlet leeds"),
        facts.ArrivalExpected(**HALL, **of, source="transfer", source_id=name),
    ]


def ended(outcome: facts.ArrivalOutcome, units: int = 2, crossing_id: str = "x") -> Event:
    """So many of them are in transit no more."""
    return facts.ArrivalClosed(
        **HALL,
        source="transfer",
        source_id=f"crossing {crossing_id}",
        line=1,
        quantity=units,
        outcome=outcome,
    )


def handed_over(crossing_id: str = "x") -> list[Event]:
    told = facts.CrossingHandedOver(crossing_id=crossing_id)
    return [told, ended("handed_over", crossing_id=crossing_id)]


def returned() -> list[Event]:
    back: dict[str, Any] = {"transfer_id": "crossing x", "line": 1, "origin": "outlet leeds"}
    return [
        facts.CrossingReturned(crossing_id="x", code="unknown_item"),
        facts.StockArrived(**HALL, quantity=2, **back),
        ended("returned"),
    ]


def came(units: int = 2, name: str = "main x", **received: Any) -> list[Event]:
    """Into `outlet`."""
    line = facts.CrossingLine(line=1, sku="MUG", quantity=units)
    return [
        facts.CrossingArrived(
            crossing_id=name, from_ledger="main", destination="leeds", lines=(line,)
        ),
        facts.StockReceived(
            **(LEEDS | {"quantity": units, "document": f"crossing {name}"} | received)
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreeing:
    """Commands in `main` and in `outlet`, and what the difference names."""

    what: str
    main: Commands = ()
    outlet: Commands = ()
    where: str


DISAGREEING = (
    Disagreeing(
        what="units come that nobody sent",
        outlet=[came()],
        where="crossing main x in ledger acme/outlet",
    ),
    Disagreeing(
        what="units come that were sent elsewhere",
        main=[sent(to_ledger="third")],
        outlet=[came()],
        where="crossing main x in ledger acme/outlet",
    ),
    Disagreeing(
        what="units come to another place",
        main=[sent(destination="york")],
        outlet=[came()],
        where="crossing main x in ledger acme/outlet",
    ),
    Disagreeing(
        what="more come than were sent",
        main=[sent(), handed_over()],
        outlet=[came(3)],
        where="crossing main x in ledger acme/outlet",
    ),
    Disagreeing(
        what="units are there and back again",
        main=[sent(), returned()],
        outlet=[came()],
        where="crossing main x in ledger acme/outlet",
    ),
    Disagreeing(
        what="units are handed over to nobody",
        main=[sent(), handed_over()],
        where="crossing x in ledger acme/main",
    ),
    Disagreeing(
        what="a crossing ends twice",
        main=[sent(), handed_over(), returned()],
        outlet=[came()],
        where="crossing.returned.v1",
    ),
    Disagreeing(
        what="the stock took in fewer",
        main=[sent()],
        outlet=[came(quantity=1)],
        where="crossing.arrived.v1",
    ),
    Disagreeing(
        what="the stock sent other units", main=[[*sent()[:1]]], where="crossing.dispatched.v1"
    ),
)
