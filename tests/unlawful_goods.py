"""Commands that no decision makes: what each breaks of the laws of goods, and where that shows.

They begin where MUG has 11 units at hall, of which nothing is promised, and none at shop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from domain import events as facts
from domain.events import Event, TracedUnits
from tests.builders import minute
from tests.commands_as_rows import BEFORE
from tests.happenings import item, order_of_lines

MUG = "MUG"
HALL: dict[str, Any] = {"sku": MUG, "location": "hall"}
SHOP: dict[str, Any] = {"sku": MUG, "location": "shop"}
PILL: dict[str, Any] = {"sku": "PILL", "location": "hall"}
PHONE: dict[str, Any] = {"sku": "PHONE", "location": "hall"}
PHONE_SHOP: dict[str, Any] = {"sku": "PHONE", "location": "shop"}
ONE: dict[str, Any] = {**HALL, "order_id": "oP", "line": 1}
OTHER: dict[str, Any] = {**HALL, "order_id": "oQ", "line": 1}
PILLS = item("PILL", tracking="lot")
PHONES = item("PHONE", tracking="serial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlawful:
    """`first` is a command before the one of `events`."""

    law: Literal["no_oversell", "conservation"]
    what: str
    events: Sequence[Event]
    where: str
    first: Sequence[Event] = ()


def ordered(order_id: str, units: int) -> list[Event]:
    """An order of so many mugs at hall, allocated."""
    return order_of_lines(order_id, [(MUG, "hall", units)])[:3]


def traced(stock: dict[str, Any], *units: TracedUnits) -> facts.StockTraced:
    """Of the fact before it."""
    serials = stock["sku"] == PHONE["sku"]
    return facts.StockTraced(**stock, cause_event_id=BEFORE, units=units, serials=serials)


def lot(name: str, on_hand: int = 0, held: int = 0) -> TracedUnits:
    return TracedUnits(lot=name, on_hand=on_hand, held=held)


def held(hold_id: str, units: int) -> facts.StockHeld:
    return facts.StockHeld(**HALL, hold_id=hold_id, kind="quality", quantity=units)


def held_of(name: str, units: int) -> facts.StockHeld:
    """Pills of a recalled lot."""
    hold = f"recalled:{name}"
    return facts.StockHeld(**PILL, hold_id=hold, kind="recalled", quantity=units, lot=name)


def recalled(name: str) -> facts.LotRecalled:
    return facts.LotRecalled(sku="PILL", lot=name, recall_id="R", reason_code="glass")


def placed(serial: str, location: str) -> facts.SerialPlaced:
    """Of a phone."""
    told: dict[str, Any] = {"cause": "received", "cause_event_id": "x"}
    return facts.SerialPlaced(sku="PHONE", serial=serial, location=location, **told)


def left(serial: str, location: str) -> facts.SerialLeft:
    told: dict[str, Any] = {"cause": "shipped", "cause_event_id": "x"}
    return facts.SerialLeft(sku="PHONE", serial=serial, location=location, **told)


def picked(line: dict[str, Any], units: int) -> facts.StockPicked:
    return facts.StockPicked(**line, quantity=units, pick_id="p")


def sent(units: int) -> list[Event]:
    """A transfer of mugs from hall to shop, on its way."""
    leg: dict[str, Any] = {"source": "transfer", "source_id": "tX", "line": 1}
    return [
        facts.StockDispatched(**HALL, quantity=units, transfer_id="tX", line=1, destination="shop"),
        facts.ArrivalExpected(**SHOP, **leg, quantity=units),
    ]


def came(units: int, closed: int, outcome: Any = "received") -> list[Event]:
    """What came of it, and how much of it is expected no more."""
    leg: dict[str, Any] = {"source": "transfer", "source_id": "tX", "line": 1}
    return [
        facts.StockArrived(**SHOP, quantity=units, transfer_id="tX", line=1, origin="hall"),
        facts.ArrivalClosed(**SHOP, **leg, quantity=closed, outcome=outcome),
    ]


def due(units: int) -> dict[str, Any]:
    return {**HALL, "source": "purchase", "source_id": "PO", "line": 1, "quantity": units}


def bought(accepted: int, over: int = 0) -> list[Event]:
    """A purchase of three mugs, and what its receipt says of them."""
    line = facts.PurchaseLine(line=1, sku=MUG, quantity=3)
    told = facts.ReceivedLine(line=1, accepted=accepted, over=over)
    return [
        facts.PurchasePlaced(purchase_id="PO", location="hall", lines=(line,)),
        facts.PurchaseApproved(purchase_id="PO"),
        facts.ArrivalExpected(**due(3)),
        facts.PurchaseReceived(purchase_id="PO", receipt_id="r", lines=(told,)),
    ]


def moved(units: int, destination: str = "shop") -> facts.StockMovedOut:
    return facts.StockMovedOut(**HALL, quantity=units, move_id="mX", destination=destination)


OPEN = f"picks, holds, arrivals and queue of {MUG} at hall after"
UNLAWFUL: Sequence[Unlawful] = (
    Unlawful(
        law="no_oversell",
        what="more picked for an order's line than is committed to it",
        events=[*ordered("oP", 2), *ordered("oQ", 5), picked(ONE, 3)],
        where=f"units of {MUG} at hall picked for order oP line 1",
    ),
    Unlawful(
        law="no_oversell",
        what="committed units released that are picked",
        events=[
            *ordered("oP", 3), picked(ONE, 3), *ordered("oQ", 3),
            facts.CommitmentReleased(**ONE, quantity=1),
        ],
        where=f"units of {MUG} at hall picked for order oP line 1",
    ),
    Unlawful(
        law="no_oversell",
        what="more picked than is on the shelf",
        events=[*ordered("oP", 5), held("h1", 8), picked(ONE, 5)],
        where=f"picked units of {MUG} at hall after",
    ),
    Unlawful(
        law="no_oversell",
        what="more held than is there",
        events=[held("h1", 12)],
        where=f"held units of {MUG} at hall after",
    ),
    Unlawful(
        law="conservation",
        what="more picked units sent for a line than were picked for it",
        events=[
            *ordered("oP", 4), *ordered("oQ", 4), picked(ONE, 2), picked(OTHER, 2),
            facts.PickedShipped(**ONE, quantity=3, shipment_id="s"),
        ],
        where=OPEN,
    ),
    Unlawful(
        law="conservation",
        what="more picked units put back than were picked",
        events=[
            *ordered("oP", 4), *ordered("oQ", 4), picked(ONE, 2), picked(OTHER, 2),
            facts.StockUnpicked(**ONE, quantity=3),
        ],
        where=OPEN,
    ),
    Unlawful(
        law="conservation",
        what="more let go of a hold than it holds",
        events=[
            held("h1", 2), held("h2", 2), facts.HoldReleased(**HALL, hold_id="h1", quantity=3),
        ],
        where=OPEN,
    ),
    Unlawful(
        law="conservation",
        what="more of a hold written off than it holds",
        events=[
            held("h1", 2), held("h2", 2),
            facts.StockWrittenOff(**HALL, quantity=3, reason_code="rotten", hold_id="h1"),
        ],
        where=OPEN,
    ),
    Unlawful(
        law="conservation",
        what="an arrival closed for more than was expected",
        events=[
            facts.ArrivalExpected(**due(3)), facts.ArrivalClosed(**due(4), outcome="short"),
        ],
        where=OPEN,
    ),
    Unlawful(
        law="conservation",
        what="a waiting line closed for more than waits",
        events=[
            facts.StockBackordered(**ONE, quantity=2),
            facts.BackorderClosed(**ONE, quantity=3, outcome="cancelled"),
        ],
        where=OPEN,
        first=ordered("oP", 2)[:1],
    ),
    Unlawful(
        law="conservation",
        what="a reservation extended that is not open",
        events=[
            facts.ReservationExtended(**HALL, reservation_id="gone", expires_at=minute(9)),
        ],
        where=f"promises of {MUG} at hall after",
    ),
    Unlawful(
        law="no_oversell",
        what="more moved than nobody was promised",
        first=ordered("oP", 8),
        events=[
            moved(4), facts.StockMovedIn(**SHOP, quantity=4, move_id="mX", origin="hall"),
        ],
        where=f"units of {MUG} at hall sent by event",
    ),
    Unlawful(
        law="no_oversell",
        what="more dispatched than nobody was promised",
        first=ordered("oP", 8),
        events=sent(4),
        where=f"units of {MUG} at hall sent by event",
    ),
    Unlawful(
        law="conservation",
        what="units moved out that come in nowhere",
        events=[moved(2)],
        where=f"move mX of {MUG} from hall to shop",
    ),
    Unlawful(
        law="conservation",
        what="units moved in that came out elsewhere",
        events=[
            moved(2, "bin"), facts.StockMovedIn(**SHOP, quantity=2, move_id="mX", origin="hall"),
        ],
        where=f"move mX of {MUG} from hall to",
    ),
    Unlawful(
        law="conservation",
        what="parts consumed by no assembly",
        events=[facts.StockConsumed(**HALL, quantity=2, assembly_id="aX")],
        where="what aX consumed",
    ),
    Unlawful(
        law="conservation",
        what="units produced by no assembly",
        events=[facts.StockProduced(**HALL, quantity=2, assembly_id="aX")],
        where="what aX produced",
    ),
    Unlawful(
        law="conservation",
        what="units dispatched that are in transit nowhere",
        events=sent(2)[:1],
        where="transfer tX line 1",
    ),
    Unlawful(
        law="conservation",
        what="units that arrived and are in transit all the same",
        events=[*sent(2), came(2, 2)[0]],
        where="transfer tX line 1",
    ),
    Unlawful(
        law="conservation",
        what="units in transit no more that neither arrived nor are lost",
        events=[*sent(2), came(2, 2)[1]],
        where="transfer tX line 1",
    ),
    Unlawful(
        law="conservation",
        what="more units arrived than were sent, and nothing says so",
        events=[*sent(2), *came(3, 2)],
        where="transfer tX line 1",
    ),
    Unlawful(
        law="conservation",
        what="fewer units on hand than a receipt accepted",
        events=[
            *bought(3), facts.StockReceived(**HALL, quantity=2, document="PO"),
            facts.ArrivalClosed(**due(3), outcome="received"),
        ],
        where="units accepted, and of them expected, by event",
    ),
    Unlawful(
        law="conservation",
        what="units received that were over and are expected no more",
        events=[
            *bought(3, over=1), facts.StockReceived(**HALL, quantity=3, document="PO"),
            facts.ArrivalClosed(**due(3), outcome="received"),
        ],
        where="units accepted, and of them expected, by event",
    ),
    Unlawful(
        law="conservation",
        what="units of a tracked item that are of no lot",
        events=[PILLS, facts.StockReceived(**PILL, quantity=3)],
        where="lots or serials of event",
    ),
    Unlawful(
        law="conservation",
        what="a trace of fewer units than its fact moved",
        events=[PILLS, facts.StockReceived(**PILL, quantity=3), traced(PILL, lot("L1", 2))],
        where="units (on hand, picked, held) of event",
    ),
    Unlawful(
        law="conservation",
        what="a trace of a fact that is not there",
        events=[
            PILLS, facts.StockReceived(**PILL, quantity=3), traced(PILL, lot("L1", 3)),
            facts.StockTraced(**PILL, cause_event_id="none", units=(lot("L2", 1),)),
        ],
        where="units (on hand, picked, held) of event",
    ),
    Unlawful(
        law="conservation",
        what="units of a lot that has none here",
        events=[
            PILLS, facts.StockReceived(**PILL, quantity=3), traced(PILL, lot("L1", 3)),
            facts.StockShipped(**PILL, quantity=2), traced(PILL, lot("L2", -2)),
        ],
        where="lot L2 of PILL at hall in ledger",
    ),
    Unlawful(
        law="conservation",
        what="serials that are told as a lot",
        events=[
            PHONES, facts.StockReceived(**PHONE, quantity=1),
            replace(traced(PHONE, lot("S1", 1)), serials=False), placed("S1", "hall"),
        ],
        where="units of event",
    ),
    Unlawful(
        law="conservation",
        what="the same serial twice in one place",
        events=[
            PHONES, facts.StockReceived(**PHONE, quantity=2),
            traced(PHONE, lot("S1", 1), lot("S1", 1)), placed("S1", "hall"),
        ],
        where="serial S1 of PHONE in ledger",
    ),
    Unlawful(
        law="conservation",
        what="the same serial in two places",
        events=[
            PHONES,
            facts.StockReceived(**PHONE, quantity=1), traced(PHONE, lot("S1", 1)),
            facts.StockReceived(**PHONE_SHOP, quantity=1), traced(PHONE_SHOP, lot("S1", 1)),
            placed("S1", "shop"),
        ],
        where="serial S1 of PHONE in ledger",
    ),
    Unlawful(
        law="conservation",
        what="a serial that is not where its own stream says",
        events=[
            PHONES,
            facts.StockReceived(**PHONE, quantity=1), traced(PHONE, lot("S1", 1)),
            placed("S1", "shop"),
        ],
        where="serial S1 of PHONE in ledger",
    ),
    Unlawful(
        law="conservation",
        what="a serial that left by its own stream only",
        events=[
            PHONES,
            facts.StockReceived(**PHONE, quantity=1), traced(PHONE, lot("S1", 1)),
            placed("S1", "hall"), left("S1", "hall"),
        ],
        where="serial S1 of PHONE in ledger",
    ),
    Unlawful(
        law="conservation",
        what="a recalled lot of which units are not held",
        events=[
            PILLS, facts.LotRegistered(sku="PILL", lot="L1"),
            facts.StockReceived(**PILL, quantity=5), traced(PILL, lot("L1", 5)),
            recalled("L1"), held_of("L1", 4), traced(PILL, lot("L1", held=4)),
        ],
        where="recalled lot L1 of PILL at hall",
    ),
    Unlawful(
        law="conservation",
        what="units of a recalled lot that come in and are not held",
        first=[PILLS, facts.LotRegistered(sku="PILL", lot="L1"), recalled("L1")],
        events=[facts.StockReceived(**PILL, quantity=5), traced(PILL, lot("L1", 5))],
        where="recalled lot L1 of PILL at hall",
    ),
)  # fmt: skip
