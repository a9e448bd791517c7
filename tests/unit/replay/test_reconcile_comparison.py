"""One partition against the store: what is there once, again, late, changed, strange or not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventlog.log import RecordedEvent
from replay.reconcile import comparison
from replay.reconcile.comparison import ShardComparison
from replay.reconcile.record_parts import Parts, expected_parts, first_unlike, range_hash
from replay.reconcile.report import ShardReport
from tests.log_writing import EVENT

HEAD = 12
EPOCH = 1


def event(position: int) -> RecordedEvent:
    return replace(EVENT, shard_position=position, ledger_position=position)


LOG: list[Parts] = expected_parts((event(each) for each in range(1, HEAD + 1)), EPOCH)


def wanted(first: int, count: int) -> Sequence[Parts]:
    return LOG[first - 1 : first - 1 + count]


def told(
    records: Sequence[Parts], *, published: int = HEAD, begin: int = 0, limited: bool = False
) -> ShardReport:
    report = ShardReport(shard=5, begin=begin, end=begin + len(records), head=HEAD)
    compared = ShardComparison(report, wanted, trim_allowed=limited)
    for offset, parts in enumerate(records, start=begin):
        compared.record(offset, parts)
    return compared.end(published)


def at(*positions: int) -> list[Parts]:
    return [LOG[position - 1] for position in positions]


def test_a_whole_partition_is_whole() -> None:
    report = told(LOG)
    assert report.ok
    assert (report.reached, report.first_position, report.behind) == (HEAD, 1, 0)
    assert report.repeats == 0


def test_what_the_relay_has_not_published_yet_is_not_missing() -> None:
    report = told(at(1, 2, 3), published=3)
    assert report.ok
    assert report.behind == HEAD - 3


def test_a_tail_that_the_relay_has_published_and_is_gone_is_missing() -> None:
    report = told(at(1, 2, 3), published=5)
    assert report.counts["missing"] == 2
    assert report.lacks_only_tail
    assert report.differences[0].position == 4


def test_equal_repeats_are_counted_and_lawful() -> None:
    report = told(at(1, 2, 3, 2, 3, 4, 5, 1, 2), published=5)
    assert report.ok
    assert report.repeats == 4


def test_a_repeat_that_is_not_equal_is_an_altered_record() -> None:
    changed = LOG[1]._replace(value=b"{}")
    report = told([*at(1, 2, 3), changed], published=3)
    assert report.counts["altered"] == 1
    assert (report.differences[0].position, report.differences[0].offset) == (2, 3)


def test_a_hole_is_missing_and_more_than_a_tail() -> None:
    report = told(at(1, 2, 6, 7), published=7)
    assert report.counts["missing"] == 3
    assert not report.lacks_only_tail
    assert "positions 3 to 5" in report.differences[0].sentence()


def test_what_comes_late_is_out_of_order_and_not_missing() -> None:
    report = told(at(1, 2, 5, 6, 3, 4, 7), published=7)
    assert report.counts == {"missing": 0, "altered": 0, "out_of_order": 2, "foreign": 0}
    assert (report.differences[0].position, report.differences[0].offset) == (3, 4)


def test_half_of_a_hole_that_comes_late_leaves_the_other_half_missing() -> None:
    report = told(at(1, 2, 7, 4, 5), published=7)
    assert report.counts["out_of_order"] == 2
    assert report.counts["missing"] == 2


def test_a_partition_that_its_topics_retention_trimmed_names_its_first_position() -> None:
    report = told(at(8, 9, 10, 11, 12), begin=7, limited=True)
    assert report.ok
    assert report.trimmed
    assert report.first_position == 8


def test_a_beginning_that_no_retention_explains_is_missing() -> None:
    assert told(at(8, 9, 10, 11, 12), begin=7).counts["missing"] == 7


def test_records_beyond_the_stores_head_are_foreign() -> None:
    report = told([*LOG, *expected_parts([event(HEAD + 1)], EPOCH)])
    assert report.counts["foreign"] == 1
    assert report.differences[0].position == HEAD + 1


@pytest.mark.parametrize("headers", [(), (("ce_shardposition", b"zero"),)])
def test_a_record_without_a_position_is_foreign(headers: tuple[tuple[str, bytes], ...]) -> None:
    report = told([*at(1, 2), LOG[2]._replace(headers=headers), *at(3)], published=3)
    assert report.counts == {"missing": 0, "altered": 0, "out_of_order": 0, "foreign": 1}
    assert report.differences[0].offset == 2


def test_a_record_of_another_epoch_is_altered() -> None:
    other = expected_parts([event(2)], EPOCH + 1)
    report = told([*at(1), *other, *at(3)], published=3)
    assert report.differences[0].part == "header ce_epoch"


def test_runs_longer_than_a_range_are_compared_range_by_range(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "RANGE_RECORDS_MAX", 5)
    report = told(LOG)
    assert report.ok
    assert report.ranges == 3


def test_gaps_beyond_what_is_remembered_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "GAPS_MAX", 2)
    assert told(at(2, 4, 6, 8, 10, 12)).counts["missing"] == 6


@given(part=st.sampled_from(range(len(LOG[0].headers))), value=st.binary(max_size=8))
def test_any_changed_header_changes_the_hash_and_is_named(part: int, value: bytes) -> None:
    headers = list(LOG[0].headers)
    name, before = headers[part]
    if value == before:
        return
    headers[part] = (name, value)
    changed = LOG[0]._replace(headers=tuple(headers))
    assert range_hash([changed]) != range_hash(at(1))
    unlike = first_unlike(LOG[0], changed)
    assert unlike is not None
    assert unlike.part == f"header {name}"


@given(order=st.permutations(range(1, HEAD + 1)), more=st.lists(st.integers(1, HEAD)))
def test_all_positions_in_any_order_and_again_are_never_missing(
    order: list[int], more: list[int]
) -> None:
    report = told(at(*order, *more))
    assert report.counts["missing"] == report.counts["altered"] == 0
    assert report.reached == HEAD
    highest, late = 0, 0
    for position in order:
        late += position < highest
        highest = max(highest, position)
    assert report.counts["out_of_order"] == late
    assert report.repeats == len(more)
