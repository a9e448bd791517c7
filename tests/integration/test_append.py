"""The rules of the one append: order, atomicity, keys, catching up, refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from eventlog.chain import chain_over
from eventlog.log import (
    GENESIS_HASH,
    AppendRejectedError,
    Decided,
    LedgerHead,
    LogGapError,
    LogUnavailableError,
    StreamVersionConflict,
)
from eventlog.postgres.answers import find_answers
from eventlog.postgres.append import CATCH_UP_LOCKED_MAX
from eventlog.postgres.heads import ledger_head
from eventlog.shards import shard_of
from tests.appends import LEDGER, NOON, Answers, Batch, Store, event, key_row, log
from tests.parts import Database

# Another tenant's ledger that lives in the same shard.
NEIGHBOUR = next(
    ledger
    for ledger in (f"tenant-{number}/main" for number in range(1_000))
    if shard_of(ledger, 16) == shard_of(LEDGER, 16)
)
ELSEWHERE = next(
    ledger
    for ledger in (f"tenant-{number}/main" for number in range(1_000))
    if shard_of(ledger, 16) != shard_of(LEDGER, 16)
)


@pytest.fixture
def store(postgres_database: Database) -> Iterator[Store]:
    with log(postgres_database.log, LEDGER, NEIGHBOUR, ELSEWHERE) as opened:
        yield opened


def head_of(store: Store, ledger: str = LEDGER) -> LedgerHead:
    head = ledger_head(store.pool, ledger)
    assert head is not None
    return head


def test_a_batch_is_read_back_as_it_was_appended(store: Store) -> None:
    new = [event(version=1), event(version=2, data=b"\x00\xff"), event("item-A", 1)]
    appended = store.append(*new)
    assert (appended.first_shard_position, appended.last_shard_position) == (1, 3)
    assert appended.ledger_first_positions == {LEDGER: 1}
    stored = store.all_events()
    for position, (was, now) in enumerate(zip(new, stored, strict=True), start=1):
        assert (now.shard, now.shard_position, now.ledger_position) == (
            store.shard,
            position,
            position,
        )
        assert (now.tenant, now.ledger) == ("acme", LEDGER)
        for name in was.__struct_fields__:
            assert getattr(now, name) == getattr(was, name)
        assert now.recorded_at == appended.recorded_at
    assert stored[-1].chain_hash == head_of(store).chain_hash


def test_the_chain_recomputed_from_the_rows_is_the_heads(store: Store) -> None:
    for version in range(1, 130):
        store.append(event(version=version), event("b", version))
    stored = store.all_events()
    assert chain_over(GENESIS_HASH, stored) == head_of(store).chain_hash
    for upto, each in enumerate(stored[:5], start=1):
        assert chain_over(GENESIS_HASH, stored[:upto]) == each.chain_hash


def test_two_ledgers_of_a_shard_share_an_append_and_keep_their_own_positions(store: Store) -> None:
    store.append(event(version=1))
    batch = Batch(
        ledgers=(LEDGER, NEIGHBOUR),
        events=[event(ledger=NEIGHBOUR), event(version=2), event(version=2, ledger=NEIGHBOUR)],
    )
    appended = store.appender.append(store.shard, batch)
    assert (appended.first_shard_position, appended.last_shard_position) == (2, 4)
    assert appended.ledger_first_positions == {LEDGER: 2, NEIGHBOUR: 1}
    assert [each.shard_position for each in store.all_events(NEIGHBOUR)] == [2, 4]
    assert [each.ledger_position for each in store.all_events(NEIGHBOUR)] == [1, 2]
    assert [each.ledger for each in store.reader.read_shard(store.shard, 0, 10)] == [
        LEDGER,
        NEIGHBOUR,
        LEDGER,
        NEIGHBOUR,
    ]


def test_what_decide_raises_reaches_the_caller_and_nothing_is_written(store: Store) -> None:
    def refuse(*_: object) -> Decided:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.appender.append(store.shard, Batch(choose=refuse))
    store.append(event())
    assert [each.ledger_position for each in store.all_events()] == [1]


def test_a_failed_append_leaves_no_hole(store: Store) -> None:
    store.append(event(version=1))
    with pytest.raises(StreamVersionConflict) as caught:
        store.append(event("other, stream", 1), event(version=1), rows=[key_row("k", 2)])
    assert (caught.value.ledger, caught.value.stream) == (LEDGER, "stock-A@hall")
    store.append(event(version=2))
    assert [each.shard_position for each in store.all_events()] == [1, 2]
    assert find_answers(store.pool, LEDGER, ["k"]) == {}


def test_a_conflict_names_even_an_odd_stream(store: Store) -> None:
    odd = "a, b)=(c, 1"
    with pytest.raises(StreamVersionConflict) as caught:
        store.append(event(odd, 1), event(odd, 1))
    assert caught.value.stream == odd


def test_keys_hold_their_events_positions_and_exact_answers(store: Store) -> None:
    store.append(event("a", 1))
    rows = [
        key_row("two", 2, answer=b'{"a":"\xc3\xa4"}'),
        key_row("refused", 0, answer=b"\x00"),
        key_row("one", 1),
    ]
    store.append(event("b", 1), event("b", 2), event("c", 1), rows=rows)
    stored = find_answers(store.pool, LEDGER, ["two", "refused", "one", "never"])
    assert {
        key: (each.accepted, each.first_position, each.last_position, each.answer)
        for key, each in stored.items()
    } == {
        "two": (True, 2, 3, b'{"a":"\xc3\xa4"}'),
        "refused": (False, None, None, b"\x00"),
        "one": (True, 4, 4, b"{}"),
    }
    assert stored["two"].body_hash == rows[0].body_hash


def test_stored_answers_are_shown_to_the_decision_under_the_lock(store: Store) -> None:
    store.append(rows=[key_row("k", 0, answer=b"first")])
    other = key_row("k", 0, ledger=NEIGHBOUR, answer=b"another ledger's")
    store.appender.append(store.shard, Batch(ledgers=(NEIGHBOUR,), rows=[other]))
    batch = Batch(keys=[(LEDGER, "k"), (LEDGER, "new"), (NEIGHBOUR, "k"), (NEIGHBOUR, "l")])
    appended = store.appender.append(store.shard, batch)
    assert {which: each.answer for which, each in batch.answers.items()} == {
        (LEDGER, "k"): b"first",
        (NEIGHBOUR, "k"): b"another ledger's",
    }
    assert (appended.first_shard_position, appended.last_shard_position) == (1, 0)
    assert appended.ledger_first_positions == {}


def test_a_refusal_alone_moves_no_head(store: Store) -> None:
    before = head_of(store)
    store.append(rows=[key_row("k", 0)])
    assert head_of(store) == before
    assert list(find_answers(store.pool, LEDGER, ["k"])) == ["k"]


@pytest.mark.parametrize(
    ("batch", "part"),
    [
        (Batch(events=[event("a\x00b")]), "22021"),
        (Batch(events=[event("a\ud800b")]), "surrogates"),
        (Batch(events=[event(version=2**63)]), "too large"),
        (Batch(rows=[key_row("k", 0), key_row("k", 0)]), "23505"),
    ],
    ids=["nul", "surrogate", "too large", "key twice"],
)
def test_rows_that_cannot_be_stored_are_rejected_whole(
    store: Store, batch: Batch, part: str
) -> None:
    batch.events = [event("fine"), *batch.events]
    if batch.rows:
        batch.rows = [key_row("fine", 1), *batch.rows]
    with pytest.raises(AppendRejectedError, match=part):
        store.appender.append(store.shard, batch)
    assert batch.decided == 1
    assert store.all_events() == []
    store.append(event("fine"))


@pytest.mark.parametrize("claimed", [0, 2], ids=["too few", "too many"])
def test_keys_that_do_not_add_up_to_the_events_are_a_fault(store: Store, claimed: int) -> None:
    with pytest.raises(ValueError, match=f"claim {claimed} of 1"):
        store.append(event(), rows=[key_row("k", claimed)])


def test_a_ledger_of_another_shard_is_refused(store: Store) -> None:
    batch = Batch(ledgers=(ELSEWHERE,), events=[event(ledger=ELSEWHERE)])
    with pytest.raises(ValueError, match=f"{ELSEWHERE}.* lives in shard"):
        store.appender.append(store.shard, batch)


def test_an_unknown_ledger_has_no_head_and_cannot_be_written_to(store: Store) -> None:
    batch = Batch(ledgers=(LEDGER, "acme/none"), events=[event(ledger="acme/none")])
    with pytest.raises(ValueError, match="acme/none"):
        store.appender.append(store.shard, batch)
    assert list(batch.heads) == [LEDGER]


def test_a_ledger_that_was_not_named_cannot_be_written_to(store: Store) -> None:
    with pytest.raises(ValueError, match=NEIGHBOUR):
        store.append(event(ledger=NEIGHBOUR))


def test_a_shard_that_does_not_exist_is_named(store: Store) -> None:
    with pytest.raises(LookupError, match="no shard 99"):
        store.appender.append(99, Batch())


def test_recorded_at_never_goes_backwards(postgres_database: Database) -> None:
    ticks = iter([NOON, NOON - timedelta(hours=1), NOON + timedelta(microseconds=1)])
    with log(postgres_database.log, clock=lambda: next(ticks)) as store:
        for version in (1, 2, 3):
            store.append(event(version=version))
        times = [each.recorded_at for each in store.all_events()]
        assert times == [NOON, NOON, NOON + timedelta(microseconds=1)]
        assert head_of(store).recorded_at == times[-1]


def test_a_decision_is_told_the_instant_its_events_will_bear(store: Store) -> None:
    told = []

    def note(heads: Mapping[str, LedgerHead], _: Answers, recorded_at: datetime) -> Decided:
        told.append((heads[LEDGER].position, recorded_at))
        return Decided(events=[event()], keys=[])

    appended = store.appender.append(store.shard, Batch(choose=note))
    assert told == [(0, appended.recorded_at)]


def test_a_decision_sees_what_others_appended_meanwhile(store: Store) -> None:
    store.append(*(event(version=version) for version in range(1, 4)))
    batch = Batch(known_position=1)
    store.appender.append(store.shard, batch)
    assert [each.shard_position for each in batch.caught_up] == [2, 3]
    store.appender.append(store.shard, batch)
    assert len(batch.caught_up) == 2


def test_who_is_far_behind_catches_up_before_taking_the_lock_again(store: Store) -> None:
    many = CATCH_UP_LOCKED_MAX * 2 + 1
    store.append(*(event(version=version) for version in range(1, many + 1)))
    batch = Batch(known_position=0, events=[event(version=many + 1)])
    store.appender.append(store.shard, batch)
    assert [each.shard_position for each in batch.caught_up] == list(range(1, many + 1))
    assert batch.decided == 1


def test_exactly_as_many_as_fit_under_the_lock_are_caught_up_there(store: Store) -> None:
    many = CATCH_UP_LOCKED_MAX
    store.append(*(event(version=version) for version in range(1, many + 1)))
    batch = Batch(known_position=0)
    store.appender.append(store.shard, batch)
    assert (len(batch.caught_up), batch.decided) == (many, 1)


def test_a_state_ahead_of_the_log_is_a_gap(store: Store) -> None:
    store.append(event())
    with pytest.raises(LogGapError) as caught:
        store.appender.append(store.shard, Batch(known_position=5, events=[event(version=2)]))
    assert (caught.value.shard, caught.value.expected, caught.value.found) == (store.shard, 1, 5)


def test_a_missing_event_stops_every_append_that_needs_it(
    store: Store, postgres_database: Database
) -> None:
    store.append(*(event(version=version) for version in range(1, 6)))
    with psycopg.connect(postgres_database.admin) as admin:
        admin.execute("ALTER TABLE events DISABLE TRIGGER facts_stay")
        admin.execute("DELETE FROM events WHERE shard_position = 3")
    batch = Batch(known_position=0, events=[event(version=6)])
    with pytest.raises(LogGapError) as caught:
        store.appender.append(store.shard, batch)
    assert (caught.value.expected, caught.value.found) == (3, 4)
    assert (batch.caught_up, batch.decided) == ([], 0)
    with pytest.raises(LogGapError):
        store.reader.read_shard(store.shard, 0, 10)
    with pytest.raises(LogGapError):
        store.reader.read_ledger(LEDGER, 0, 10)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_the_order_does_not_hang_on_the_servers_default_isolation(
    postgres_database: Database, level: str
) -> None:
    with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        change = "ALTER DATABASE {} SET default_transaction_isolation = {}"
        admin.execute(sql.SQL(change).format(name, sql.Literal(level)))
    with log(postgres_database.log) as store, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: store.append(event(f"s-{number}")), range(60)))
        assert [each.ledger_position for each in store.all_events()] == list(range(1, 61))


def test_a_closed_pool_is_unavailable(store: Store) -> None:
    store.pool.close()
    with pytest.raises(LogUnavailableError):
        store.append(event())


def test_an_appender_serves_many_threads_at_once(store: Store) -> None:
    def append(number: int) -> int:
        appended = store.append(event(f"s-{number}", 1), event(f"s-{number}", 2))
        return appended.first_shard_position

    with ThreadPoolExecutor(4) as threads:
        firsts = sorted(threads.map(append, range(100)))
    assert firsts == list(range(1, 201, 2))
    stored = store.all_events()
    assert chain_over(GENESIS_HASH, stored) == head_of(store).chain_hash
