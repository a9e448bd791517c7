"""Picks, holds, moves, transfers, assemblies, waits and traces that no decision makes, in a whole
store: `verify` is red and names them.
"""

from __future__ import annotations

import pytest

from tests.builders import minute
from tests.planting import LEDGER, journal_behind, red
from tests.unlawful_crossings import DISAGREEING, Disagreeing
from tests.unlawful_goods import UNLAWFUL, Unlawful
from tests.whole_store import WholeStore

pytestmark = pytest.mark.xdist_group("verify-planted-faults")


@pytest.mark.parametrize("unlawful", UNLAWFUL, ids=lambda each: each.what)
def test_goods_that_no_decision_moves(store: WholeStore, unlawful: Unlawful) -> None:
    """Appended as the log appends: chain, positions and heads are right."""
    with journal_behind(store) as log:
        for events in filter(None, (unlawful.first, unlawful.events)):
            log.append_command(LEDGER, events, at=minute(0))
    red(store.verify(), unlawful.law, unlawful.where)


ACROSS = [case for case in DISAGREEING if case.where.startswith("crossing ")]


@pytest.mark.parametrize("case", ACROSS[:1] + ACROSS[-2:], ids=lambda case: case.what)
def test_units_that_two_ledgers_do_not_agree_on(store: WholeStore, case: Disagreeing) -> None:
    """In each of them the log is right."""
    with journal_behind(store) as log:
        for ledger, commands in ((LEDGER, case.main), ("acme/outlet", case.outlet)):
            for events in commands:
                log.append_command(ledger, events, at=minute(0))
    red(store.verify(), "conservation", case.where)
