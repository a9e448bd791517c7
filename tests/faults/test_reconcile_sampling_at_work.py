"""Sampling beside writers and projectors that park, retry and are rebuilt: never a false alarm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from projections.movements.projection import Movements
from replay.verify.sampling.sampler import Sampler
from tests.faults.test_verify_while_at_work import at_work, follow, write
from tests.parts import SharedParts
from tests.projection_side import drain
from tests.stories import STORY
from tests.whole_store import READ_MODELS, WholeStore, places_of, whole_store

pytestmark = pytest.mark.xdist_group("verify")

ROUNDS = 12


@pytest.fixture
def store(
    shared_parts: SharedParts, postgres_server: str, migrated_template: str, tmp_path: Path
) -> Iterator[WholeStore]:
    with (
        places_of(shared_parts, postgres_server, migrated_template, tmp_path) as places,
        whole_store(places) as found,
    ):
        found.tell(*STORY)
        yield found


def test_a_store_at_work_is_explained_in_full(store: WholeStore) -> None:
    sampler = Sampler(store.addresses, Random(7), streams=60)
    checked = 0
    skipped: set[str] = set()
    jobs = [partial(follow, store, read_model) for read_model in READ_MODELS]
    with at_work(*jobs, partial(write, store)):
        for _ in range(ROUNDS):
            done = sampler.round()
            assert done.wrong == [], done.wrong[0]
            checked += done.checked
            skipped |= {
                why for tally in done.tallies for why in tally.skipped if tally.skipped[why]
            }
    assert checked > ROUNDS * 20
    assert skipped, "streams were parked or retried meanwhile"


def rebuild(store: WholeStore, ended: Callable[[], bool]) -> None:
    """The movements, again and again from nothing."""
    with store.projections() as (log, found):
        movements = found["movements"]
        assert isinstance(movements, Movements)
        while not ended():
            for shard in (log.shard("acme/main"), log.shard("acme/outlet")):
                drain(log, movements, shard, batch=20)
            time.sleep(0.05)
            movements.rebuild()


def test_a_read_model_that_is_rebuilt_gives_no_alarm(store: WholeStore) -> None:
    sampler = Sampler(store.addresses, Random(7), streams=60)
    with at_work(partial(rebuild, store)):
        for _ in range(ROUNDS):
            done = sampler.round()
            assert done.wrong == [], done.wrong[0]
