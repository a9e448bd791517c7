"""What the importer makes of names that are known, and of keys that bear another body."""

import pytest

from api.client import Answer, Client
from ops.importers.online_retail.conflicts import Reconciler
from ops.importers.online_retail.invoices import Commands
from ops.importers.online_retail.run import known_already

NOWHERE = "http://127.0.0.1:1"


def test_a_conflict_that_no_row_explains_is_named_by_its_key() -> None:
    commands = Commands(source="s", ledger="main", location="hub")
    body = commands.opening("85123", 5, 1, "2011-07-01T09:00:00+00:00")
    with Client(NOWHERE, "no key") as client:
        conflicts, additions = Reconciler(client, commands, "main").explain(body, [], None)
    assert [(each.line, each.invoice) for each in conflicts] == [(None, "s:opening:85123:1")]
    assert additions == []


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (Answer(outcome="key_conflict", status=409), True),
        (Answer(outcome="refused", refusal={"code": "location_exists"}), True),
        (Answer(outcome="refused", refusal={"code": "item_exists"}), True),
        (Answer(outcome="refused", refusal={"code": "unknown_ledger"}), False),
        (Answer(outcome="accepted", first_position=1, last_position=1), False),
    ],
)
def test_a_name_that_is_there_already_is_no_refusal(answer: Answer, known: bool) -> None:
    assert known_already(answer) is known
