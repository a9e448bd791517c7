"""Sampling beside writers and projectors that park, retry and are rebuilt: never a false alarm."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random

import pytest

from projections.movements.projection import Movements
from replay.verify.sampling.clickhouse_cells import ClickHouseCells, Sums
from replay.verify.sampling.picking import Picked
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


@pytest.mark.parametrize("is_back", [False, True])
def test_a_read_model_that_is_rebuilt_while_it_is_looked_at_gives_no_alarm(
    store: WholeStore, monkeypatch: pytest.MonkeyPatch, is_back: bool
) -> None:
    """Its rows are gone just when they are asked for, and may be there again right after."""
    store.catch_up()
    sums = ClickHouseCells._sums
    with store.projections() as (log, found):
        movements = found["movements"]
        assert isinstance(movements, Movements)

        def without_rows(
            cells: ClickHouseCells, ledger: str, picked: Collection[Picked], position: int
        ) -> Mapping[Picked, Sums]:
            monkeypatch.setattr(ClickHouseCells, "_sums", sums)
            movements.rebuild()
            nothing = sums(cells, ledger, picked, position)
            assert nothing == {}
            for shard in range(log.identity.shards) if is_back else ():
                drain(log, movements, shard)
            return nothing

        monkeypatch.setattr(ClickHouseCells, "_sums", without_rows)
        done = Sampler(store.addresses, Random(7), streams=60).round()
    assert done.wrong == [], done.wrong[0]
    (tally,) = [each for each in done.tallies if each.entry.projection == "movements"]
    assert (tally.checked > 0, tally.skipped["being rebuilt"] > 0) == (is_back, not is_back)
