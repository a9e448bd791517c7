"""What the read model `documents` tells of counts and assemblies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from domain import events as facts
from domain.events import Event
from tests.happenings import START
from tests.parts import Database
from tests.projection_side import drain, table_rows
from tests.read_models import DocumentRows, document_rows

LEDGER = "acme/main"
PLAN = facts.CountPlanned(count_id="c", location="WH", skus=("A", "B"), categories=("mugs",))
ENTERED = facts.CountEntered(count_id="c", lines=(facts.CountLine(line=1, sku="A", counted=4),))


@pytest.fixture
def read_model(postgres_database: Database) -> Iterator[DocumentRows]:
    with document_rows(postgres_database.log) as found:
        yield found


def told(read_model: DocumentRows, *events: Event, day: int = 0) -> dict[str, dict[str, Any]]:
    """Every row by its id after these events, each applied in a batch of its own."""
    log = read_model.log
    log.append(log.ledger("main"), *events, at=START + timedelta(days=day))
    drain(log, read_model.process(), log.shard(LEDGER), batch=1)
    return {row["id"]: row for row in table_rows(log, "documents_v1")}


def test_a_count_s_row_tells_its_plan_and_lines_and_what_was_expected_only_once_posted(
    read_model: DocumentRows,
) -> None:
    row = told(read_model, PLAN, ENTERED)["c"]
    line = {"line": 1, "sku": "A", "counted": 4, "counted_at": "2026-03-01T00:00:00Z"}
    line |= {"lots": [], "serials": []}
    assert row["body"]["lines"] == {"A": {**line, "expected": None}}
    assert (row["kind"], row["status"]) == ("count", "counting")
    assert row["refs"] == ["category:mugs", "location:WH", "sku:A", "sku:B"]
    posted = facts.CountPosted(count_id="c", lines=(facts.PostedLine(line=1, expected=5),))
    row = told(read_model, posted, facts.CountSubmitted(count_id="c"), day=1)["c"]
    assert row["body"]["lines"] == {"A": {**line, "expected": 5}}
    assert row["status"] == "submitted"


def test_a_count_s_row_names_what_is_to_be_counted_again(read_model: DocumentRows) -> None:
    asked = facts.RecountAsked(count_id="c", skus=("A",))
    assert told(read_model, PLAN, ENTERED, asked)["c"]["body"]["recount"] == ["A"]
    assert told(read_model, ENTERED, day=1)["c"]["body"]["recount"] == []
    ended = told(read_model, facts.CountCancelled(count_id="c"), day=2)["c"]
    assert ended["status"] == "cancelled"


def test_an_assembly_s_row_tells_what_went_in(read_model: DocumentRows) -> None:
    parts = (facts.Component(sku="LEG", quantity=8), facts.Component(sku="TOP", quantity=2))
    made = facts.KitAssembled(assembly_id="a", sku="BENCH", location="WH", quantity=2, parts=parts)
    row = told(read_model, made)["a"]
    assert (row["kind"], row["status"]) == ("assembly", "assembled")
    assert row["body"]["parts"] == [
        {"sku": "LEG", "quantity": 8},
        {"sku": "TOP", "quantity": 2},
    ]
    assert row["refs"] == ["component:LEG", "component:TOP", "location:WH", "sku:BENCH"]
