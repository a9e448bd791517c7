"""The lag that an import reports: of all of its appends, or none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api.client import Client, Parameter
from ops.importers.online_retail.openings import Survey
from ops.importers.online_retail.run import Imported, OnlineRetailImport, Tally
from ops.stack.errors import StackError

SURVEY = Survey(
    rows=1, classes={}, invoices_sold=1, openings=(), net_units={}, starts_at=datetime.now(UTC)
)


class Told(Client):
    """A client that is told the lag by the test."""

    def __init__(self, unapplied: int) -> None:
        super().__init__("http://127.0.0.1:1", "no key")
        self._unapplied = unapplied

    def get(self, path: str, **parameters: Parameter) -> dict[str, Any]:
        assert path == "/v1/read-models/lag", parameters
        return {"lag": {"p99_seconds": 0.25, "unapplied": self._unapplied}}


def lag(unapplied: int) -> float | None:
    with Told(unapplied) as client:
        run = OnlineRetailImport(client, source="s", ledger="main", location="hub")
        tally = Tally(first_position=1, last_position=9)
        return run.lag_p99_seconds(Imported(survey=SURVEY, tally=tally, seconds=1.0))


def test_with_every_append_applied_it_is_a_figure() -> None:
    assert lag(0) == 0.25


def test_with_an_append_that_nobody_applied_it_is_no_figure() -> None:
    with pytest.raises(StackError, match="of 2 appends"):
        lag(2)
