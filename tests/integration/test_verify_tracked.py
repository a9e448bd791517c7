"""`verify` on what became of lots and serials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import SharedParts
from tests.tracked_story import TRACKED
from tests.whole_store import WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")


@pytest.fixture
def store(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[WholeStore]:
    with (
        places_of(shared_parts, postgres_server, migrated_template, tmp_path) as places,
        whole_store(places) as found,
    ):
        yield found


def test_everything_that_happens_to_lots_and_serials_is_lawful(store: WholeStore) -> None:
    store.tell(*TRACKED)
    store.catch_up()
    report = store.verify()
    assert report.first_difference is None, report.first_difference.sentence()
    assert report.ok
