"""What the laws say of picks, holds, moves, transfers, assemblies, waits and traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from domain import events as facts
from domain.events import Event
from tests.commands_as_rows import judged, rows
from tests.happenings import item
from tests.unlawful_goods import (
    HALL,
    MUG,
    ONE,
    PHONE,
    PHONE_SHOP,
    PHONES,
    PILL,
    PILLS,
    SHOP,
    UNLAWFUL,
    Unlawful,
    came,
    due,
    held,
    held_of,
    left,
    lot,
    moved,
    ordered,
    picked,
    placed,
    recalled,
    sent,
    traced,
)

AT_HALL: dict[str, Any] = {"order_id": "oP", "location": "hall"}
FOUR, TAKEN = facts.LineQuantity(line=1, quantity=4), facts.PickedLine(line=1, quantity=4)
STOCKED: list[Sequence[Event]] = [[item(MUG)], [facts.StockReceived(**HALL, quantity=11)]]
TRACKED: list[Sequence[Event]] = [
    [PILLS],
    [facts.StockReceived(**PILL, quantity=5), traced(PILL, lot("L1", 3), lot("L2", 2))],
    [
        facts.StockHeld(**PILL, hold_id="recall", kind="recalled", quantity=3, lot="L1"),
        traced(PILL, lot("L1", held=3)),
    ],
    [facts.StockShipped(**PILL, quantity=2), traced(PILL, lot("L2", -2))],
]
LAWFUL: list[list[Sequence[Event]]] = [
    [
        ordered("oP", 5),
        [facts.PickListCreated(**AT_HALL, pick_id="p", lines=(FOUR,))],
        [facts.OrderPicked(**AT_HALL, pick_id="p", lines=(TAKEN,)), picked(ONE, 4)],
        [
            facts.OrderShipped(
                order_id="oP",
                lines=(facts.ShippedLine(line=1, quantity=3),),
                shipment_id="s",
            ),
            facts.PickedShipped(**ONE, quantity=3, shipment_id="s"),
        ],
        [
            facts.OrderCancelled(order_id="oP"),
            facts.StockUnpicked(**ONE, quantity=1),
            facts.CommitmentReleased(**ONE, quantity=2),
        ],
    ],
    [
        [held("h1", 4)],
        [facts.HoldReleased(**HALL, hold_id="h1", quantity=1)],
        [facts.StockWrittenOff(**HALL, quantity=3, reason_code="rotten", hold_id="h1")],
        [facts.StockWrittenOff(**HALL, quantity=3, reason_code="theft")],
    ],
    [
        [facts.ArrivalExpected(**due(5))],
        [
            facts.StockReceived(**HALL, quantity=3),
            facts.ArrivalClosed(**due(3), outcome="received"),
        ],
        [facts.ArrivalClosed(**due(2), outcome="short")],
    ],
    [
        ordered("oP", 2)[:1],
        [
            facts.OrderBackordered(
                order_id="oP",
                lines=(facts.OrderUnits(line=1, location="hall", quantity=2),),
            ),
            facts.StockBackordered(**ONE, quantity=2),
        ],
        [
            facts.OrderCancelled(order_id="oP"),
            facts.BackorderClosed(**ONE, quantity=2, outcome="cancelled"),
        ],
    ],
    [[moved(2), facts.StockMovedIn(**SHOP, quantity=2, move_id="mX", origin="hall")]],
    [
        [
            facts.KitAssembled(
                assembly_id="aX",
                sku="BOX",
                location="hall",
                quantity=1,
                parts=(facts.Component(sku=HALL["sku"], quantity=2),),
            ),
            facts.StockConsumed(**HALL, quantity=2, assembly_id="aX"),
            facts.StockProduced(sku="BOX", location="hall", quantity=1, assembly_id="aX"),
        ]
    ],
    [sent(5), came(3, 3), came(2, 2)],
    [sent(5), came(3, 3), came(1, 2, "lost")[1:]],
    TRACKED,
    [
        [PHONES],
        [
            facts.StockReceived(**PHONE, quantity=1),
            traced(PHONE, lot("S1", 1)),
            placed("S1", "hall"),
        ],
        [
            facts.StockMovedOut(**PHONE, quantity=1, move_id="m", destination="shop"),
            traced(PHONE, lot("S1", -1)),
            facts.StockMovedIn(**PHONE_SHOP, quantity=1, move_id="m", origin="hall"),
            traced(PHONE_SHOP, lot("S1", 1)),
            left("S1", "hall"),
            placed("S1", "shop"),
        ],
    ],
    [
        [PILLS, facts.LotRegistered(sku="PILL", lot="L1")],
        [facts.StockReceived(**PILL, quantity=5), traced(PILL, lot("L1", 5))],
        [recalled("L1"), held_of("L1", 5), traced(PILL, lot("L1", held=5))],
    ],
]


@pytest.mark.parametrize("commands", LAWFUL, ids=lambda each: type(each[-1][0]).__name__)
def test_what_decisions_make_is_lawful(commands: list[Sequence[Event]]) -> None:
    for name, law in judged(rows([*STOCKED, *commands])).items():
        assert law.difference is None, f"{name}: {law.difference.sentence()}"


@pytest.mark.parametrize("unlawful", UNLAWFUL, ids=lambda each: each.what)
def test_what_no_decision_makes_is_found(unlawful: Unlawful) -> None:
    laws = judged(rows([*STOCKED, unlawful.first, unlawful.events]))
    difference = laws[unlawful.law].difference
    assert difference is not None, "the fault was not found"
    assert unlawful.where in difference.where, difference.sentence()


def test_what_was_there_before_an_item_was_tracked_is_of_no_lot() -> None:
    described = facts.ItemDescribed(sku="PILL", name="Pill", tracking="lot", attributes={})
    laws = judged(
        rows(
            [
                [item("PILL")],
                [facts.StockReceived(**PILL, quantity=4)],
                [described],
                [facts.StockReceived(**PILL, quantity=2), traced(PILL, lot("L1", 2))],
            ]
        )
    )
    assert laws["conservation"].difference is None


def test_lots_that_do_not_add_up_to_their_stock_are_found() -> None:
    """Units that leave without a trace are missing from the lots at the next command as well."""
    laws = judged(rows([*TRACKED, [facts.StockReceived(**PILL, quantity=1)]]))
    assert laws["conservation"].difference is not None


def test_a_ledger_that_tracks_nothing_is_asked_for_no_trace() -> None:
    laws = judged(rows([*STOCKED, [facts.StockReceived(**HALL, quantity=1)]]))
    assert laws["conservation"].difference is None
