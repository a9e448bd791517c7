"""Counts of many SKUs: planned, entered blind, counted again, submitted as assertions."""

from collections.abc import Mapping
from dataclasses import fields, replace

import pytest

from domain import counting
from domain.counting import (
    ask_recount,
    cancel,
    enter,
    part_streams,
    plan,
    post_part,
    submit,
    submitted_streams,
)
from domain.cycle_count import CycleCount, evolve
from domain.events import (
    CountCancelled,
    CountEntered,
    CountEvent,
    CountLine,
    CountPlanned,
    CountPosted,
    CountSubmitted,
    PostedLine,
    RecountAsked,
    StockCounted,
)
from domain.facts import counts as facts
from domain.item import Item
from domain.refusals import Refusal, UnknownItem, UnknownLocation
from domain.refusals_counts import (
    CountedAlready,
    CountIncomplete,
    CountInParts,
    CountLineInvalid,
    CountLineRepeated,
    CountLinesWrong,
    CountPlanExists,
    CountState,
    NotCounted,
    NotInCount,
    RecountOpen,
    UnknownCount,
)
from domain.shelf import Shelf
from domain.stock import Stock
from domain.stock_history import HistoryNeededError, StockHistory
from domain.streams import stock_stream
from domain.values import Facts
from tests.builders import (
    PLACE,
    at,
    dated,
    happened,
    item,
    location,
    lost_reservation,
    minute,
    occasion,
    received,
    reserved,
    shelf,
    shipped,
    shortfall,
)

ITEMS: Mapping[str, Item] = {
    "A": replace(item("A"), category="mugs"),
    "B": item("B"),
    "C": item("C"),
}
PLAN = CountPlanned(count_id="c", location=PLACE, skus=("A", "B"))
OPEN = CountPlanned(count_id="c", location=PLACE)


def line(number: int, sku: str, counted: int) -> CountLine:
    return CountLine(line=number, sku=sku, counted=counted)


def entered(*lines: CountLine) -> CountEntered:
    return CountEntered(count_id="c", lines=lines)


def count(*events: CountEvent, at: int = 0) -> CycleCount:
    state: CycleCount | None = None
    for event in events:
        state = evolve(state, event, minute(at))
    assert state is not None
    return state


def entering(known: CycleCount | None, *lines: CountLine) -> Facts | Refusal:
    return enter(known, "c", lines, ITEMS.get, occasion())


def stocks(**held: int) -> dict[str, Shelf]:
    return {
        stock_stream(sku, PLACE): shelf(
            *[replace(received(units), sku=sku)] if units else [], sku=sku
        )
        for sku, units in held.items()
    }


def posted(sku: str, number: int, counted: int, *, expected: int) -> StockCounted:
    return StockCounted(
        sku=sku, location=PLACE, count_id=f"c#{number}", counted=counted, expected=expected
    )


def submitting(known: CycleCount | None, shelves: Mapping[str, Shelf], **more: bool) -> object:
    accept = more.get("accept_uncounted", False)
    return submit(known, "c", shelves, occasion(9), accept_uncounted=accept)


def test_a_plan_names_skus_that_are_known_at_a_place_that_is() -> None:
    assert happened(plan(None, PLAN, location(), ITEMS.get, occasion())) == [PLAN]
    again = plan(count(PLAN), PLAN, location(), ITEMS.get, occasion())
    assert again == CountPlanExists(count_id="c")
    assert plan(None, PLAN, None, ITEMS.get, occasion()) == UnknownLocation(location=PLACE)
    unknown = plan(None, replace(PLAN, skus=("A", "X", "Y")), location(), ITEMS.get, occasion())
    assert unknown == UnknownItem(sku="X", also=(UnknownItem(sku="Y"),))


def test_a_plan_of_many_skus_is_several_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "CHUNK", 2)
    wide = replace(PLAN, skus=("A", "B", "C"), categories=("mugs",), note="n")
    events = happened(plan(None, wide, location(), ITEMS.get, occasion()))
    assert events == [
        replace(wide, skus=("A", "B")),
        CountPlanned(count_id="c", location=PLACE, skus=("C",)),
    ]
    planned = count(*events)  # type: ignore[arg-type]
    assert (planned.skus, planned.categories, planned.note) == (wide.skus, ("mugs",), "n")


def test_what_is_entered_is_kept_without_being_compared() -> None:
    lines = (line(1, "A", 3), line(2, "B", 0))
    assert happened(entering(count(PLAN), *lines)) == [entered(*lines)]
    known = count(PLAN, entered(*lines), at=4)
    assert (known.status, known.left) == ("counting", 2)
    assert known.lines["A"].counted_at == minute(4)
    assert known.lines["A"].variance is None


def test_a_blind_count_holds_nothing_that_was_expected() -> None:
    told = {field.name for field in fields(CountLine)} | {field.name for field in fields(PLAN)}
    assert "expected" not in told
    assert all(
        each.expected is None for each in count(PLAN, entered(line(1, "A", 3))).lines.values()
    )


def test_every_wrong_line_is_told_in_one_refusal() -> None:
    known = count(PLAN, entered(line(1, "A", 3)))
    unreadable = CountLineInvalid(line=9, pointer="/lines/4/counted", problem="write a number")
    lines = (line(1, "B", 1), line(2, "A", 3), line(3, "X", 1), line(4, "C", 1))
    refused = enter(known, "c", lines, ITEMS.get, occasion(), unreadable=[unreadable])
    assert refused == CountLinesWrong(
        count_id="c",
        lines=5,
        wrong_lines=5,
        wrong=(
            unreadable,
            CountLineRepeated(line=1, sku="B"),
            CountedAlready(line=2, sku="A"),
            UnknownItem(sku="X", line=3),
            NotInCount(line=4, sku="C"),
        ),
    )


def test_one_sku_and_one_number_stand_once_in_one_request() -> None:
    refused = entering(count(OPEN), line(1, "A", 1), line(1, "B", 1), line(2, "A", 1))
    assert isinstance(refused, CountLinesWrong)
    assert refused.wrong == (CountLineRepeated(line=1, sku="B"), CountedAlready(line=2, sku="A"))


def test_a_plan_by_category_takes_its_items_and_one_by_location_takes_all() -> None:
    mugs = count(replace(OPEN, categories=("mugs",)))
    assert happened(entering(mugs, line(1, "A", 1)))
    refused = entering(mugs, line(2, "B", 1))
    assert isinstance(refused, CountLinesWrong)
    assert refused.wrong == (NotInCount(line=2, sku="B"),)
    assert happened(entering(count(OPEN), line(1, "A", 1), line(2, "B", 1), line(3, "C", 1)))


def test_a_recount_takes_the_place_of_what_was_entered() -> None:
    first = count(PLAN, entered(line(1, "A", 3), line(2, "B", 5)))
    asked = ask_recount(first, "c", ["A"], "so few?", occasion())
    assert happened(asked) == [RecountAsked(count_id="c", skus=("A",), reason="so few?")]
    again = count(PLAN, entered(line(1, "A", 3), line(2, "B", 5)), happened(asked)[0])  # type: ignore[arg-type]
    assert submitting(again, stocks(A=3, B=5)) == RecountOpen(
        count_id="c", open_skus=1, skus=("A",)
    )
    assert isinstance(entering(again, line(2, "B", 6)), CountLinesWrong)
    assert happened(entering(again, line(1, "A", 4))) == [entered(line(1, "A", 4))]
    done = evolve(again, entered(line(1, "A", 4)), minute(2))
    assert done is not None
    assert (done.recount, done.lines["A"].counted) == ((), 4)


def test_only_what_was_entered_is_counted_again() -> None:
    known = count(PLAN, entered(line(1, "A", 3)))
    refused = ask_recount(known, "c", ["A", "B", "C"], "", occasion())
    assert refused == NotCounted(count_id="c", sku="B", also=(NotCounted(count_id="c", sku="C"),))


def test_a_submitted_count_asserts_each_line_at_the_instant_it_was_entered() -> None:
    known = count(PLAN, entered(line(1, "A", 3), line(2, "B", 5)), at=4)
    decided = submit(known, "c", stocks(A=4, B=5), occasion(9), accept_uncounted=False)
    assert happened(decided) == [
        posted("A", 1, 3, expected=4),
        posted("B", 2, 5, expected=5),
        CountPosted(
            count_id="c",
            lines=(PostedLine(line=1, expected=4), PostedLine(line=2, expected=5)),
        ),
        CountSubmitted(count_id="c"),
    ]
    assert not isinstance(decided, Refusal)
    assert [fact.occurred_at for fact in decided] == [minute(4), minute(4), minute(9), minute(9)]
    state: CycleCount | None = known
    for fact in decided[2:]:
        state = evolve(state, fact.event, fact.occurred_at)  # type: ignore[arg-type]
    assert state is not None
    assert (state.status, state.left, state.lines["A"].variance) == ("submitted", 0, -1)


def test_a_count_while_units_are_reserved_states_what_it_leaves_uncovered() -> None:
    known = count(PLAN, entered(line(1, "A", 3)), at=4)
    shelves = {
        stock_stream("A", PLACE): shelf(
            replace(received(5), sku="A"), replace(reserved("r", 5), sku="A"), sku="A"
        )
    }
    events = happened(submit(known, "c", shelves, occasion(9), accept_uncounted=True))
    lost = replace(shortfall(2, lost_reservation("r", 2)), sku="A")
    assert events[:2] == [posted("A", 1, 3, expected=5), lost]


def test_what_moved_after_it_was_counted_is_compared_with_the_stock_of_then() -> None:
    known = count(OPEN, entered(line(1, "A", 9)), at=4)
    moves = (
        at(0, replace(received(10), sku="A")),
        at(6, replace(shipped(3), sku="A")),
    )
    shelves = {stock_stream("A", PLACE): shelf(*moves, sku="A")}
    with pytest.raises(HistoryNeededError):
        submitting(known, shelves)
    stream = stock_stream("A", PLACE)
    remembered = replace(shelves[stream], history=StockHistory().then(dated(moves)))
    decided = submit(known, "c", {stream: remembered}, occasion(9), accept_uncounted=False)
    assert happened(decided)[0] == posted("A", 1, 9, expected=10)
    assert not isinstance(decided, Refusal)
    after = decided[0].after
    assert isinstance(after, Stock)
    assert after.on_hand == 6


def test_all_histories_that_a_submit_needs_are_asked_for_at_once() -> None:
    known = count(OPEN, entered(line(1, "A", 9), line(2, "B", 9), line(3, "C", 0)), at=4)
    shelves = {
        stock_stream(sku, PLACE): shelf(at(6, replace(received(10), sku=sku)), sku=sku)
        for sku in ("A", "B")
    } | stocks(C=0)
    with pytest.raises(HistoryNeededError) as needed:
        submitting(known, shelves)
    assert {needed.value.stream, *needed.value.others} == {
        stock_stream("A", PLACE),
        stock_stream("B", PLACE),
    }


def test_what_was_planned_and_not_entered_is_named_or_accepted() -> None:
    known = count(PLAN, entered(line(1, "A", 3)))
    assert submitting(known, stocks(A=3)) == CountIncomplete(count_id="c", uncounted=1, skus=("B",))
    assert happened(submitting(known, stocks(A=3), accept_uncounted=True))  # type: ignore[arg-type]


def test_a_large_count_is_posted_part_by_part_and_each_line_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "POSTED_AT_ONCE_MAX", 1)
    known = count(OPEN, entered(line(1, "A", 1), line(2, "B", 2)))
    assert submitted_streams(known) == ()
    assert part_streams(known) == (stock_stream("A", PLACE),)
    refused = submitting(known, {})
    assert refused == CountInParts(count_id="c", lines=2, lines_max=1)
    part = post_part(known, "c", stocks(A=1), occasion(9), accept_uncounted=False)
    first = CountPosted(count_id="c", lines=(PostedLine(line=1, expected=1),))
    assert happened(part) == [posted("A", 1, 1, expected=1), first]
    left = evolve(known, first, minute(9))
    assert left is not None
    assert (left.status, left.left) == ("submitting", 1)
    assert submitted_streams(left) == (stock_stream("B", PLACE),)
    no_part = post_part(left, "c", {}, occasion(9), accept_uncounted=False)
    assert no_part == CountState(count_id="c", status="submitting", wanted="posted in parts")
    rest = submit(left, "c", stocks(B=0), occasion(9), accept_uncounted=False)
    assert happened(rest)[0] == posted("B", 2, 2, expected=0)
    assert isinstance(happened(rest)[-1], CountSubmitted)


def test_a_line_whose_part_is_refused_is_counted_again_while_the_rest_is_posted() -> None:
    known = count(
        OPEN,
        entered(line(1, "A", 1), line(2, "B", 2)),
        CountPosted(count_id="c", lines=(PostedLine(line=1, expected=1),)),
    )
    state = CountState(count_id="c", status="submitting", wanted="counted again")
    assert ask_recount(known, "c", ("A",), "", occasion()) == state
    assert entering(known, line(2, "B", 3)) == replace(state, wanted="entered")
    asked = happened(ask_recount(known, "c", ("B",), "a serial too many", occasion()))
    assert asked == [RecountAsked(count_id="c", skus=("B",), reason="a serial too many")]
    open_again = evolve(known, RecountAsked(count_id="c", skus=("B",)), minute(1))
    assert isinstance(submitting(open_again, stocks(B=0)), RecountOpen)
    assert happened(entering(open_again, line(2, "B", 3))) == [entered(line(2, "B", 3))]
    right = evolve(open_again, entered(line(2, "B", 3)), minute(1))
    assert right is not None
    assert right.status == "submitting"
    assert isinstance(cancel(right, "c", "", occasion()), CountState)
    assert isinstance(happened(submitting(right, stocks(B=0)))[-1], CountSubmitted)  # type: ignore[arg-type]


def test_lots_and_serials_count_for_what_one_append_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "POSTED_AT_ONCE_MAX", 4)
    many = replace(line(1, "A", 5), serials=("1", "2", "3", "4", "5"))
    few = replace(line(2, "B", 2), serials=("6", "7"))
    known = count(OPEN, entered(many, few, line(3, "C", 1)))
    assert part_streams(known) == (stock_stream("A", PLACE),)
    posted_first = CountPosted(count_id="c", lines=(PostedLine(line=1, expected=5),))
    left = evolve(known, posted_first, minute(9))
    assert submitted_streams(left) == (stock_stream("B", PLACE), stock_stream("C", PLACE))


def test_a_count_is_given_up_only_before_a_line_is_posted() -> None:
    known = count(PLAN, entered(line(1, "A", 3)))
    assert happened(cancel(known, "c", "flood", occasion())) == [
        CountCancelled(count_id="c", reason="flood")
    ]
    posting = count(
        PLAN,
        entered(line(1, "A", 3)),
        CountPosted(count_id="c", lines=(PostedLine(line=1, expected=3),)),
    )
    refused = cancel(posting, "c", "", occasion())
    assert refused == CountState(count_id="c", status="submitting", wanted="cancelled")


ENDED = count(PLAN, CountCancelled(count_id="c"))


@pytest.mark.parametrize("known", [None, ENDED, count(PLAN, CountSubmitted(count_id="c"))])
def test_nothing_more_happens_to_a_count_that_is_not_there_or_has_ended(
    known: CycleCount | None,
) -> None:
    refusals = [
        entering(known, line(1, "A", 1)),
        ask_recount(known, "c", ["A"], "", occasion()),
        cancel(known, "c", "", occasion()),
        submitting(known, {}),
        post_part(known, "c", {}, occasion(), accept_uncounted=False),
    ]
    for refused in refusals:
        assert isinstance(refused, UnknownCount if known is None else CountState)


def test_a_plan_without_any_entry_is_not_submitted() -> None:
    refused = submitting(count(PLAN), {})
    assert refused == CountState(count_id="c", status="planned", wanted="submitted")


def test_many_lines_are_several_facts_of_one_command() -> None:
    many = {f"S{n}": item(f"S{n}") for n in range(facts.CHUNK + 1)}
    lines = [line(n + 1, sku, n) for n, sku in enumerate(many)]
    events = happened(enter(count(OPEN), "c", lines, many.get, occasion()))
    assert [len(event.lines) for event in events] == [facts.CHUNK, 1]  # type: ignore[union-attr]
