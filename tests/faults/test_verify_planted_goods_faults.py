"""Picks, holds, moves, transfers, assemblies, waits and traces that no decision makes, in a whole
store: `verify` is red and names them.
"""

from __future__ import annotations

import pytest

from tests.builders import minute
from tests.planting import LEDGER, journal_behind, red
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
