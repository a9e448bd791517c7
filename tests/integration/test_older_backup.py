"""An older PostgreSQL under a newer Redis and ClickHouse, and the operator's way out of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.parts import SharedParts
from tests.stories import STORY, busy
from tests.whole_store import Places, WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")

ROOT = Path(__file__).parents[2]
DECISION = ROOT / "docs" / "decisions" / "0009-kafkas-tail-says-where-to-go-on.md"


@pytest.fixture
def places(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[Places]:
    with places_of(shared_parts, postgres_server, migrated_template, tmp_path) as found:
        yield found


@pytest.fixture
def store(places: Places) -> Iterator[WholeStore]:
    with whole_store(places) as found:
        yield found


def test_what_the_decision_tells_the_operator_to_do_makes_all_stores_equal_again(
    store: WholeStore,
) -> None:
    store.tell(*STORY)
    store.catch_up()
    store.keep()
    store.tell(busy(seed=1, count=40))
    store.catch_up()
    store.restore()
    (statements,) = re.findall(r"```sql\n(.*?)```", DECISION.read_text(), re.DOTALL)
    with psycopg.connect(store.database.admin, autocommit=True) as connection:
        connection.execute(statements.encode())
    # Another history than the one that Redis and ClickHouse have seen, and a longer one.
    store.tell(busy(seed=2, count=80))
    store.catch_up()
    report = store.verify()
    assert report.ok, report.first_difference
