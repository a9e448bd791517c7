"""A store that was told once a run, for tests that plant faults in it and take them out again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.command_side import WriteSide, shelf
from tests.parts import SharedParts
from tests.stories import MUG, STORY, told
from tests.whole_store import WholeStore, places_of, whole_store


async def tail(side: WriteSide) -> None:
    """What the read models of the store have not seen yet."""
    mug = shelf(MUG, "hall")
    await told(
        side,
        [
            {"type": "receive_stock", "key": "t1", **mug, "quantity": 8},
            {"type": "receive_stock", "key": "t2", **mug, "quantity": 3, "document": "last"},
        ],
    )


@pytest.fixture(scope="session")
def told_store(
    shared_parts: SharedParts,
    postgres_server: str,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WholeStore]:
    keys = tmp_path_factory.mktemp("verify")
    with (
        places_of(shared_parts, postgres_server, migrated_template, keys) as places,
        whole_store(places) as store,
    ):
        store.tell(*STORY[:3])
        store.sign()
        store.tell(*STORY[3:])
        store.catch_up()
        store.sign()
        store.tell(tail)
        store.sign()
        store.keep()
        yield store


@pytest.fixture
def store(told_store: WholeStore) -> Iterator[WholeStore]:
    """The told store; its database is put back afterwards."""
    yield told_store
    told_store.restore()
