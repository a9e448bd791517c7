"""Orders of items tracked by lot: every unit that is picked, sent or taken back is of one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from domain.events import ShippedLine, StockTraced
from domain.lot import Lot
from domain.named_units import LotQuantity, NamedUnits
from domain.picking import pick
from domain.register import NothingKnown
from domain.returns import inspect_return
from domain.shipments import cancel_shipment
from domain.stock_facts import receive
from tests.builders import item
from tests.order_world import Done, OrderWorld, line, promises_match, refused, seen, units


def of(lot: str, quantity: int) -> NamedUnits:
    return NamedUnits(lots=(LotQuantity(lot=lot, quantity=quantity),))


@pytest.fixture
def world() -> OrderWorld:
    made = OrderWorld()
    made.items["A"] = replace(item("A"), tracking="lot", removal="fifo")
    for lot in ("L1", "L2"):
        made.done(receive(made.shelf("A", "X"), 5, made.occasion(), units=of(lot, 5)))
        made.clock += 1
    made.place("o", line(1, 7))
    return made


def lots(world: OrderWorld) -> dict[str, tuple[int, int, int]]:
    return {name: (lot.on_hand, lot.picked, lot.held) for name, lot in world.stock().lots.items()}


def traced(done: Done) -> list[list[tuple[str, int, int]]]:
    assert isinstance(done, list)
    return [
        [(each.lot, each.on_hand, each.picked) for each in event.units]
        for event in done
        if isinstance(event, StockTraced)
    ]


def test_a_pick_takes_the_lots_that_leave_first(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    assert traced(world.pick("o", "p")) == [[("L1", 0, 5), ("L2", 0, 2)]]
    assert traced(world.ship("o", shipment_id="s")) == [[("L1", -5, -5), ("L2", -2, -2)]]
    assert lots(world) == {"L2": (3, 0, 0)}
    promises_match(world)


def test_a_pick_may_say_which_lots_it_took(world: OrderWorld) -> None:
    world.list_picks("o", "p", lines=[units(1, 3)])
    decided = pick(
        world.order("o"),
        "o",
        "p",
        lines=None,
        shelves=world.of("o"),
        occasion=world.occasion(),
        named={1: of("L2", 3)},
    )
    assert traced(world.done(decided)) == [[("L2", 0, 3)]]


def test_a_shipment_may_say_which_lots_it_sends(world: OrderWorld) -> None:
    sent = ShippedLine(line=1, quantity=2)
    assert traced(world.ship("o", sent, named={1: of("L2", 2)})) == [[("L2", -2, 0)]]
    assert refused(world.ship("o", sent, named={1: of("L2", 1)})) == "lots_do_not_add_up"


def test_cancelling_puts_the_lots_back_that_were_picked(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.pick("o", "p")
    world.cancel()
    assert lots(world) == {"L1": (5, 0, 0), "L2": (5, 0, 0)}
    promises_match(world)


def test_what_comes_back_names_its_lots(world: OrderWorld) -> None:
    world.ship("o", shipment_id="s")
    assert refused(world.unship("o", "s")) == "lots_missing"
    decided = cancel_shipment(
        world.order("o"),
        "o",
        "s",
        reason="",
        shelves=world.of("o"),
        occasion=world.occasion(),
        named={1: of("L1", 7)},
    )
    world.done(decided)
    assert lots(world)["L1"][0] == 7


def test_an_inspection_names_the_lots_of_each_line(world: OrderWorld) -> None:
    world.ship("o")
    world.ask_back("o", "r", units(1, 2))
    assert refused(world.inspect("o", "r", seen(1, 2, "restock"))) == "lots_missing"
    decided = inspect_return(
        world.order("o"),
        "o",
        "r",
        location="X",
        lines=[seen(1, 1, "restock"), seen(1, 1, "refuse")],
        shelves=world.of("o"),
        occasion=world.occasion(),
        named=[of("L1", 1), NamedUnits()],
    )
    world.done(decided)
    assert lots(world) == {"L1": (1, 0, 0), "L2": (3, 0, 0)}


def test_what_a_short_pick_misses_is_held_of_a_lot(world: OrderWorld) -> None:
    world.list_picks("o", "p")
    world.pick("o", "p", [units(1, 4)])
    assert lots(world) == {"L1": (5, 4, 1), "L2": (5, 0, 2)}
    promises_match(world)


class AllRecalled(NothingKnown):
    def lots(self, sku: str, names: Iterable[str]) -> Mapping[str, Lot | None]:
        return {name: Lot(sku=sku, lot=name, locations=("X",), recall_id="R") for name in names}


def test_what_comes_back_recalled_is_held_and_not_committed_again() -> None:
    world = OrderWorld()
    world.items["A"] = replace(item("A"), tracking="lot")
    world.done(receive(world.shelf("A", "X"), 3, world.occasion(), units=of("L1", 3)))
    world.place("o", line(1, 3), backorder=True)
    world.ship("o", shipment_id="s")
    shelves = {
        stream: replace(shelf, identities=AllRecalled()) for stream, shelf in world.of("o").items()
    }
    decided = cancel_shipment(
        world.order("o"),
        "o",
        "s",
        reason="",
        named={1: of("L1", 3)},
        shelves=shelves,
        occasion=world.occasion(),
    )
    world.done(decided)
    stock = world.stock()
    assert (stock.on_hand, stock.held, stock.committed, stock.waiting) == (3, 3, 0, 3)
    assert stock.uncovered_stated == 0
