"""`verify` on payments, orders that wait for them, and crossings between two ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_side import WriteSide
from tests.integration.test_crossing_saga import cross, receive, set_up
from tests.integration.test_order_saga import LONG_AGO, place, report
from tests.managers_side import managing
from tests.parts import SharedParts
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


def test_whatever_sagas_do_is_lawful_in_every_ledger(store: WholeStore) -> None:
    async def begin(side: WriteSide) -> None:
        await set_up(side)
        await receive(side, 50)
        await place(side, "paid")
        await report(side, "paid", "authorised")
        await report(side, "paid", "captured")
        await report(side, "paid", "refunded")
        await place(side, "failed")
        await report(side, "failed", "failed")
        await place(side, "late", occurred_at=LONG_AGO.isoformat())
        await place(side, "waits")
        await cross(side, "taken")
        await cross(side, "refused", destination="nowhere")

    async def settle(side: WriteSide) -> None:
        async with managing(store.database.log) as managers:
            assert await managers.settle() == 8
        await cross(side, "under-way")

    store.tell(begin, settle)
    store.catch_up()
    report_of_it = store.verify()
    assert report_of_it.first_difference is None, report_of_it.first_difference.sentence()
    assert report_of_it.ok
