"""What two ledgers say of one crossing: as decisions have it, and as none would."""

from __future__ import annotations

import msgspec
import pytest

from replay.verify.crossings import CrossingCheck, Crossings
from replay.verify.report import LawResult
from tests.commands_as_rows import rows
from tests.unlawful_crossings import (
    DISAGREEING,
    Commands,
    Disagreeing,
    came,
    handed_over,
    returned,
    sent,
)


def judged(main: Commands, outlet: Commands) -> LawResult:
    """What the law says of these commands of the two ledgers."""
    law = LawResult(law="conservation")
    crossings = Crossings(law)
    for ledger, commands in (("acme/main", main), ("acme/outlet", outlet)):
        check = CrossingCheck(law, ledger, crossings)
        told = None
        for row in rows(commands):
            if row.metadata != told:
                check.end_of_command()
                told = row.metadata
            feed = check.document if row.type.startswith("crossing.") else check.stock
            feed(row._replace(ledger=ledger), msgspec.json.decode(row.data))
        check.end_of_command()
    crossings.end()
    return law


@pytest.mark.parametrize(
    ("main", "outlet"),
    [
        ([sent()], []),
        ([sent()], [came()]),
        ([sent(), handed_over()], [came()]),
        ([sent(), returned()], []),
        ([sent(), sent(1, "y"), handed_over("x")], [came(), came(1, "main y")]),
    ],
    ids=["under way", "taken", "handed over", "returned", "two"],
)
def test_what_sagas_do_is_lawful(main: Commands, outlet: Commands) -> None:
    law = judged(main, outlet)
    assert law.difference is None, law.difference.sentence()
    assert law.checked


@pytest.mark.parametrize("case", DISAGREEING, ids=lambda case: case.what)
def test_ledgers_that_disagree_are_named(case: Disagreeing) -> None:
    difference = judged(case.main, case.outlet).difference
    assert difference is not None
    assert case.where in difference.where, difference.sentence()
