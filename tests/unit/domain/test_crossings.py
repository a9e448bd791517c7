"""What goes from one ledger to another keeps its lots, serials and last good days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.crossing_legs import arrive, dispatch
from domain.events import CrossingArrived, CrossingDispatched, CrossingLine, Tracking
from domain.line_lots import NamedLine
from domain.refusals import Refusal
from domain.stock_facts import receive
from domain.values import day_of
from tests.builders import PLACE, SKU, minute
from tests.tracked_goods import Goods, lots, on, serials

LATER = 3 * 24 * 60
KEEPS = 10


def goods(tracking: Tracking) -> Goods:
    found = Goods(tracking)
    found.item = replace(found.item, shelf_life_days=KEEPS)
    return found


def crossed(source: Goods) -> CrossingArrived:
    """Two of them leave three days after they came."""
    proposed = CrossingDispatched(
        crossing_id="x",
        to_ledger="outlet",
        origin=PLACE,
        destination=PLACE,
        lines=(CrossingLine(line=1, sku=SKU, quantity=2),),
    )
    named = [NamedLine(line=1, quantity=2)]
    done = source.record(
        dispatch(None, proposed, named, source.shelves(PLACE), on(LATER), ledger="main")
    )
    left = done[0]
    assert isinstance(left, CrossingDispatched)
    return CrossingArrived(
        crossing_id="main x", from_ledger="main", destination=PLACE, lines=left.lines
    )


@pytest.mark.parametrize("tracking", ["lot", "serial"])
def test_what_crosses_is_good_no_longer_than_where_it_left(tracking: Tracking) -> None:
    source, target = goods(tracking), goods(tracking)
    units = lots(L1=2) if tracking == "lot" else serials("S1", "S2")
    source.record(receive(source.shelf(), 2, on(), units=units))
    arrived = crossed(source)
    target.record(arrive(None, arrived, target.shelves(PLACE), on(LATER)))
    wanted = day_of(minute(0)) + timedelta(days=KEEPS)
    assert {lot.expires_on for lot in target.stock().lots.values()} == {wanted}


def test_a_serial_that_is_in_the_other_ledger_already_does_not_come_in() -> None:
    source, target = goods("serial"), goods("serial")
    source.record(receive(source.shelf(), 2, on(LATER), units=serials("S1", "S2")))
    target.record(receive(target.shelf(), 1, on(), units=serials("S1")))
    arrived = crossed(source)
    done = arrive(None, arrived, target.shelves(PLACE), on(LATER))
    assert isinstance(done, Refusal)
    assert done.code == "serial_in_place"


def test_what_is_untold_has_the_shelf_life_it_has_here() -> None:
    source, target = Goods("serial"), goods("serial")
    source.record(receive(source.shelf(), 2, on(), units=serials("S1", "S2")))
    target.record(arrive(None, crossed(source), target.shelves(PLACE), on(LATER)))
    wanted = day_of(minute(LATER)) + timedelta(days=KEEPS)
    assert {lot.expires_on for lot in target.stock().lots.values()} == {wanted}
