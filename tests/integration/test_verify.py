"""`verify` on stores as they really come about: whatever is lawful is found so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.verify.report import LAWS, Report
from tests.parts import SharedParts
from tests.stories import STORY, busy
from tests.whole_store import Places, WholeStore, places_of, whole_store


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


def lawful(report: Report) -> Report:
    assert report.ok, report.first_difference and report.first_difference.sentence()
    assert list(report.laws) == list(LAWS)
    return report


def test_an_empty_store_is_lawful(store: WholeStore) -> None:
    assert lawful(store.verify()).events == 0


def test_everything_a_business_does_is_lawful(store: WholeStore) -> None:
    store.tell(*STORY)
    store.catch_up()
    store.sign()
    report = lawful(store.verify())
    assert report.events > 60
    assert all(law.checked > 0 for law in report.laws.values())
    assert report.notes == []


def test_busy(store: WholeStore) -> None:
    store.tell(*STORY, busy(1, 400))
    store.catch_up()
    store.sign()
    lawful(store.verify())
