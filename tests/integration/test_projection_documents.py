"""`documents` on PostgreSQL: the contract of projections, and what a row says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from domain import events as facts
from domain.events import Event
from projections.catalogue import ensure
from projections.queries.standing import ledger_standing
from projections.stock_levels.projection import StockLevels
from tests.contracts.projection import ProjectionContract
from tests.happenings import START, item, year
from tests.parts import Database
from tests.projection_side import drain, table_rows
from tests.read_models import DocumentRows, document_rows

LEDGER = "acme/main"
STOCK: dict[str, Any] = {"sku": "A", "location": "WH"}


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


class TestDocuments(ProjectionContract):
    pass


def test_a_stock_s_row_tells_who_holds_its_units_and_who_waits_for_them(
    read_model: DocumentRows,
) -> None:
    units = facts.TracedUnits(lot="L1", on_hand=9, held=4, expires_on=date(2027, 1, 31))
    row = told(
        read_model,
        facts.StockHeld(**STOCK, hold_id="h1", kind="quality", quantity=4, lot="L1"),
        facts.StockTraced(**STOCK, cause_event_id="x", units=(units,)),
        facts.StockBackordered(**STOCK, order_id="o2", line=1, quantity=5),
        facts.StockBackordered(**STOCK, order_id="o1", line=1, quantity=2),
        facts.ArrivalExpected(**STOCK, source="purchase", source_id="p1", line=1, quantity=30),
    )["A@WH"]
    divisible = {"whole": False, "of_kits": False}
    assert row["body"] == {
        **STOCK,
        "incoming": 30,
        "in_transit": 0,
        "waiting": 7,
        "holds": [{"hold_id": "h1", "kind": "quality", "quantity": 4, "lot": "L1"}],
        "queue": [
            {"order_id": "o2", "line": 1, "quantity": 5, **divisible},
            {"order_id": "o1", "line": 1, "quantity": 2, **divisible},
        ],
        "lots": [
            {
                "lot": "L1",
                "on_hand": 9,
                "picked": 0,
                "held": 4,
                "arrived_at": "2026-03-01T00:00:00Z",
                "expires_on": "2027-01-31",
                "picked_for": {},
                "held_by": {},
            }
        ],
        "arrivals": [
            {
                "source": "purchase",
                "source_id": "p1",
                "line": 1,
                "quantity": 30,
                "expected_on": None,
            }
        ],
    }
    assert (row["status"], row["opened_position"], row["position"]) == ("open", 1, 5)
    assert row["refs"] == ["hold:h1", "location:WH", "lot:A/L1", "order:o1", "order:o2", "sku:A"]


def test_a_stock_s_row_does_not_grow_with_the_serials_that_are_there(
    read_model: DocumentRows,
) -> None:
    units = tuple(facts.TracedUnits(lot=f"S{number}", on_hand=1) for number in range(3))
    serials = facts.StockTraced(**STOCK, cause_event_id="x", units=units, serials=True)
    placed = facts.SerialPlaced(**STOCK, serial="S1", cause_event_id="x", cause="received")
    rows = told(read_model, serials, placed)
    assert (rows["A@WH"]["body"]["lots"], rows["A@WH"]["status"]) == ([], "empty")
    assert rows["A@WH"]["refs"] == ["location:WH", "sku:A"]
    assert rows["A@S1"]["refs"] == ["location:WH", "serial:A/S1", "sku:A", "stock:A@WH"]


def test_a_stock_of_which_nothing_is_left_to_tell_is_empty(read_model: DocumentRows) -> None:
    hold = {**STOCK, "hold_id": "h1"}
    row = told(
        read_model,
        facts.StockHeld(**hold, kind="damaged", quantity=4),
        facts.HoldReleased(**hold, quantity=1),
        facts.StockWrittenOff(**hold, quantity=3, reason_code="rotten"),
    )["A@WH"]
    assert (row["status"], row["body"]["holds"]) == ("empty", [])


def test_an_item_s_row_has_its_units_its_parts_and_its_handling(read_model: DocumentRows) -> None:
    rows = told(read_model, item("A"), facts.UnitDefined(sku="A", unit="case", numerator=12))
    assert rows["A"]["body"]["units"] == {"case": {"numerator": 12, "denominator": 1}}
    row = told(
        read_model,
        facts.KitComposed(sku="A", components=(facts.Component(sku="B", quantity=2),)),
        facts.HandlingSet(sku="A", removal="lifo", shelf_life_days=30),
        facts.ItemDiscontinued(sku="A"),
        day=3,
    )["A"]
    assert (row["status"], row["refs"]) == ("discontinued", ["component:B", "sku:A"])
    assert row["body"]["components"] == [{"sku": "B", "quantity": 2}]
    assert (row["body"]["removal"], row["body"]["shelf_life_days"]) == ("lifo", 30)
    assert row["body"]["discontinued_at"] == "2026-03-04T00:00:00Z"
    assert row["opened_at"] == START


def test_a_location_s_row_names_what_it_is_a_part_of(read_model: DocumentRows) -> None:
    row = told(
        read_model,
        facts.LocationRegistered(location="BIN", name="Bin", type="bin"),
        facts.LocationNested(location="BIN", parent="WH"),
    )["BIN"]
    assert (row["kind"], row["body"]["parent"]) == ("location", "WH")
    assert row["refs"] == ["location:BIN", "parent:WH"]


def test_an_event_of_an_item_never_registered_parks_it(read_model: DocumentRows) -> None:
    rows = told(read_model, facts.UnitDefined(sku="ghost", unit="case", numerator=2), item("A"))
    assert list(rows) == ["A"]
    (parked,) = table_rows(read_model.log, "parked_streams")
    assert (parked["stream"], "before anything" in parked["error"]) == ("item-ghost", True)


def test_a_store_from_before_it_folds_its_whole_log_once_and_nobody_waits_for_it(
    read_model: DocumentRows,
) -> None:
    log = read_model.log
    with log.pool.connection() as connection:
        for table in ("projections", "projection_checkpoints"):
            gone = connection.execute(
                f"DELETE FROM {table} WHERE projection = 'documents'".encode()
            )
            assert gone.rowcount > 0
    log.append_dated(log.ledger("main"), year(3, 200))
    ensure(log.pool, redis_prefix="unused")
    ensure(log.pool, redis_prefix="unused")
    levels = StockLevels(log.pool, epoch=log.identity.epoch)
    drain(log, levels, log.shard(LEDGER))
    with log.pool.connection() as connection:
        standing = ledger_standing(connection, LEDGER)
    assert standing is not None
    assert standing.models["stock_levels"].waiting_since is None
    assert standing.models["documents"].position == 0
    drain(log, read_model.process(), log.shard(LEDGER))
    rows = table_rows(log, "documents_v1")
    assert {row["kind"] for row in rows} >= {"stock", "item", "location"}
    assert read_model.ledger_positions() == {LEDGER: standing.position}
