"""A wrong cell of whatever kind of document is found by its independent fold, and named."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from psycopg.types.json import set_json_loads

from projections.documents.kinds import KINDS
from replay.verify import catalogue, rows
from replay.verify.ledger import KNOWN_TYPES, LedgerFold
from replay.verify.postgres_models import PostgresModel
from replay.verify.report import Difference, LawResult
from replay.verify.stock import MOVES
from tests.happenings import year
from tests.parts import migrated_database
from tests.projection_side import drain
from tests.read_models import DocumentRows, document_rows

LEDGER = "acme/main"
FAULTS = {
    "status": "status || '!'",
    "refs": "array_append(refs, 'sku:of-nobody')",
    "body": "jsonb_build_object('sku', 'nobody')::json",
    "opened_at": "opened_at + interval '1 second'",
    "opened_position": "opened_position + 1",
}


@pytest.fixture(scope="module")
def folded(postgres_server: str, migrated_template: str) -> Iterator[DocumentRows]:
    with (
        migrated_database(postgres_server, migrated_template) as database,
        document_rows(database.log) as found,
    ):
        log = found.log
        log.append_dated(log.ledger("main"), year(3, 1_500))
        drain(log, found.process(), log.shard(LEDGER))
        yield found


def difference(read_model: DocumentRows, *planted: str) -> Difference | None:
    """What the independent fold finds after these statements, which are taken back."""
    with (
        read_model.log.pool.connection() as connection,
        connection.transaction(force_rollback=True),
    ):
        set_json_loads(msgspec.json.decode, connection)
        for statement in planted:
            assert connection.execute(statement.encode()).rowcount == 1, statement
        (entry,) = [each for each in catalogue.fed(connection) if each.projection == "documents"]
        law = LawResult(law="folds")
        positions = catalogue.ledger_positions(connection, entry)
        model = PostgresModel.read(connection, entry, positions, {}, law)
        fold = LedgerFold(LEDGER)
        for row in rows.events(connection, LEDGER):
            data = msgspec.json.decode(row.data)
            if row.type in MOVES:
                fold.stock(row, data)
            elif row.type in KNOWN_TYPES:
                fold.other(row, data)
        model.compare(fold)
        assert law.checked > len(KINDS)
    return law.difference


def test_what_the_log_makes_is_found_lawful(folded: DocumentRows) -> None:
    assert difference(folded) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("column", FAULTS)
def test_a_wrong_cell_of_every_kind_is_found(folded: DocumentRows, kind: str, column: str) -> None:
    found = difference(
        folded, f"UPDATE documents_v1 SET {column} = {FAULTS[column]} WHERE {one_of(kind)}"
    )
    assert found is not None
    assert f"table documents_v1 in Postgres, ledger {LEDGER}, {kind} " in found.where
    assert found.where.endswith(f", {column}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_row_and_one_of_nothing_are_found(folded: DocumentRows, kind: str) -> None:
    lost = difference(folded, f"DELETE FROM documents_v1 WHERE {one_of(kind)}")
    assert lost is not None
    assert (kind in lost.where, lost.expected) == (True, "a row")
    invented = difference(
        folded,
        "INSERT INTO documents_v1 SELECT tenant, ledger, kind, 'of-nothing', status, refs, body,"
        " opened_at, opened_position, position, recorded_at FROM documents_v1"
        f" WHERE {one_of(kind)}",
    )
    assert invented is not None
    assert invented.where.endswith(f"{kind} of-nothing")


def one_of(kind: str) -> str:
    return (
        f"kind = '{kind}' AND ledger = '{LEDGER}' AND id ="
        f" (SELECT min(id) FROM documents_v1 WHERE kind = '{kind}' AND ledger = '{LEDGER}')"
    )
