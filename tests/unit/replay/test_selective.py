"""Selections, chunks and outcomes of a selective replay, without a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from replay.selective.history import EVENTS_PER_CHUNK, STREAMS_PER_CHUNK, chunks
from replay.selective.outcome import CHANGES_SHOWN_MAX, Others, Outcome, digest
from replay.selective.row_sums import sums
from replay.selective.selection import Selection, SelectionError, StreamKey

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def outcome() -> Outcome:
    return Outcome(
        projection="orders", version=1, edition="1", store="postgres", technique="sum", atomic="all"
    )


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(), "say which"),
        (Selection(location="WH", tenant="acme"), "--location narrows a --sku"),
        (Selection(recorded_from=NOW.replace(tzinfo=None)), "no time zone"),
        (Selection(recorded_from=NOW, recorded_until=NOW), "--from is not before --until"),
        (Selection(first_position=3, last_position=2), "--from-position is beyond"),
        (Selection(type_name="stock.teleported.v1"), "no event type 'stock.teleported.v1'"),
    ],
)
def test_a_selection_is_refused_with_the_option_that_is_wrong(
    selection: Selection, said: str
) -> None:
    with pytest.raises(SelectionError, match=said):
        selection.check()


def test_a_sku_or_an_order_alone_names_its_stream_even_if_the_log_has_none() -> None:
    assert Selection(sku="MUG").named() == ["item-MUG"]
    assert Selection(sku="MUG", location="hub").named() == ["stock-MUG@hub"]
    assert Selection(order_id="o1").named() == ["order-o1"]
    narrowed = Selection(sku="MUG", recorded_from=NOW)
    assert narrowed.named() == []
    assert Selection(order_id="o1", first_position=1).named() == []
    assert replace(narrowed, recorded_until=NOW + timedelta(days=1)).narrows


def test_chunks_are_of_one_shard_and_bounded_by_streams_and_events() -> None:
    few = [StreamKey("a/main", f"stock-{n}@x", n % 2, 1) for n in range(3 * STREAMS_PER_CHUNK)]
    long = [StreamKey("a/main", f"stock-L{n}@x", 0, EVENTS_PER_CHUNK) for n in range(3)]
    found = list(chunks(few + long))
    assert sorted(key for chunk in found for key in chunk) == sorted(few + long)
    for chunk in found:
        assert len({key.shard for key in chunk}) == 1
        assert len(chunk) <= STREAMS_PER_CHUNK
        assert sum(key.events for key in chunk) <= EVENTS_PER_CHUNK
    assert list(chunks([])) == []


def test_a_stream_longer_than_a_chunk_is_a_chunk_of_its_own() -> None:
    giant = StreamKey("a/main", "stock-MUG@hub", 0, 10 * EVENTS_PER_CHUNK)
    other = StreamKey("a/main", "stock-MUG@shop", 0, 1)
    assert list(chunks([giant, other])) == [[giant], [other]]


def test_an_outcome_tells_old_and_new_of_what_differs_and_nothing_else() -> None:
    told = outcome()
    assert not told.compare("a/main", "order-o1", {"status": "placed"}, {"status": "placed"})
    assert not told.compare("a/main", "order-o2", None, None)
    assert told.compare("a/main", "order-o3", {"status": "placed", "units": 2}, {"status": "x"})
    assert told.compare("a/main", "order-o4", None, {"status": "placed"})
    lost, new = told.changes
    assert lost.cells == {"status": ("placed", "x"), "units": (2, None)}
    assert lost.digest_before == digest({"units": 2, "status": "placed"})
    assert (new.digest_before, new.cells) == (None, {"status": (None, "placed")})
    assert (told.changed_keys, told.changed_cells) == (2, 3)


def test_so_many_changes_are_counted_and_not_all_kept() -> None:
    told = outcome()
    for number in range(CHANGES_SHOWN_MAX + 5):
        told.compare("a/main", f"order-{number}", {"units": 1}, {"units": 2})
    assert (told.changed_keys, len(told.changes)) == (CHANGES_SHOWN_MAX + 5, CHANGES_SHOWN_MAX)


def test_one_shard_whose_other_keys_differ_is_told_as_unequal() -> None:
    told = outcome()
    told.others.append(Others(keys=4, before="aa", after="aa"))
    assert told.as_dict()["others"]["equal"]
    told.others.append(Others(keys=4, before="aa", after="ab"))
    assert not told.as_dict()["others"]["equal"]


def test_a_null_is_hashed_beside_its_column_and_not_passed_over() -> None:
    assert "isNull(line), ifNull(line, 0)" in sums({"sku": "String", "line": "Nullable(Int64)"})
