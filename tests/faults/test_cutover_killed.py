"""Who switches versions dies between any two steps: all stores stand on the one side or the other,
and whoever runs the step again ends it or finds it done.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest

from eventlog.crash_points import CRASH_EXIT_CODE
from replay.receipt import receipts_of
from replay.receipt_events import missing_from, notice_of
from tests.cutover_process import Stepping
from tests.cutover_side import answering, one, ready, signing_key
from tests.happenings import year
from tests.parts import Database
from tests.replay_side import World, world

NAMES = ("availability", "movements", "stock_levels")
EVENTS = 120
BEFORE_THE_COMMIT = (
    "cutover.careful",
    "cutover.forgotten",
    "cutover.locked",
    "cutover.caught_up",
    "cutover.moved",
    "cutover.before_commit",
)
STOPPED_SECONDS_MAX = 10.0


@dataclass(frozen=True, kw_only=True)
class Ready:
    stores: World
    stepping: Stepping

    def dies_at(self, step: str, point: str) -> None:
        code, said = replace(self.stepping, step=step).run(BACKSTOCK_CRASH_AT=point)
        assert code == CRASH_EXIT_CODE, f"{step} at {point}: {said}"

    def does(self, step: str) -> None:
        code, said = replace(self.stepping, step=step).run()
        assert code == 0, said

    def stands(self, version: int, generation: int) -> None:
        """All stores answer by this version, and nothing is half done."""
        others = {"documents": 1, "orders": 1}
        assert answering(self.stores) == dict.fromkeys(NAMES, version) | others
        assert one(self.stores, "SELECT generation FROM read_generation") == generation


@pytest.fixture
def at_hand(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[Ready]:
    with world(
        postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path / "data"
    ) as stores:
        stores.log.append_dated(stores.log.ledger("main"), year(21, EVENTS))
        for name in NAMES:
            stores.feed(name, 1)
        replay_id = ready(stores, *NAMES)
        yield Ready(
            stores=stores,
            stepping=Stepping(
                admin=postgres_database.admin,
                log=postgres_database.log,
                read=postgres_database.read,
                redis_url=redis_url,
                redis_prefix=redis_prefix,
                clickhouse_url=clickhouse_url,
                directory=str(tmp_path / "data"),
                replay_id=str(replay_id),
                step="",
            ),
        )


def test_killed_at_any_step_of_a_promotion_all_stores_are_old_or_all_new(at_hand: Ready) -> None:
    for point in BEFORE_THE_COMMIT:
        at_hand.dies_at("promote", point)
        at_hand.stands(1, 1)
    at_hand.dies_at("promote", "cutover.committed")
    at_hand.stands(2, 2)
    at_hand.does("promote")
    at_hand.stands(2, 2)


@pytest.mark.long
def test_killed_around_its_receipt_a_promotion_has_it_and_every_ledger_is_told_once(
    at_hand: Ready,
) -> None:
    stores = at_hand.stores
    stores.log.append_dated(stores.log.ledger("main", "other"), year(21, EVENTS))
    for name in NAMES:
        stores.feed(name, 1)
        stores.feed(name, 2)
    signing_key(stores)
    at_hand.dies_at("promote and tell", "receipt.made")
    at_hand.stands(1, 1)
    replay_id = UUID(at_hand.stepping.replay_id)
    assert stores.replay(replay_id).receipt is None, "not promoted, no receipt"
    at_hand.dies_at("promote and tell", "cutover.committed")
    (receipt,) = receipts_of(stores.replay(replay_id))
    notice = notice_of(receipt)
    assert len(missing_from(stores.log.reader, notice)) == len(notice.events) > 1
    at_hand.dies_at("promote and tell", "receipt.appended")
    assert len(missing_from(stores.log.reader, notice)) == len(notice.events) - 1
    at_hand.does("promote and tell")
    at_hand.does("promote and tell")
    at_hand.stands(2, 2)
    told = "SELECT count(*) FROM events WHERE type = 'replay.promoted.v1'"
    assert one(stores, told) == len(notice.events)
    assert missing_from(stores.log.reader, notice) == []
    assert receipts_of(stores.replay(replay_id)) == [receipt]


@pytest.mark.long
def test_killed_at_any_step_of_the_way_back_all_stores_are_new_or_all_old(at_hand: Ready) -> None:
    at_hand.does("promote")
    for point in BEFORE_THE_COMMIT[2:]:
        at_hand.dies_at("rollback", point)
        at_hand.stands(2, 2)
    at_hand.dies_at("rollback", "cutover.committed")
    at_hand.stands(1, 3)
    at_hand.does("promote")
    at_hand.stands(2, 4)


def test_killed_while_it_retires_the_rest_is_dropped_by_the_next_run(at_hand: Ready) -> None:
    stores = at_hand.stores
    at_hand.does("promote")
    for point in ("retire.moved", "retire.let_go", "retire.dropped_outside:2"):
        at_hand.dies_at("retire", point)
        at_hand.stands(2, 2)
        states = {stores.version(name, 1).state for name in NAMES}
        assert states == {"retired"}, "no way back from here"
    at_hand.does("retire")
    kept = "SELECT array_agg(DISTINCT projection) FROM projection_checkpoints WHERE version = 1"
    assert {*one(stores, kept)}.isdisjoint(NAMES)
    assert one(stores, "SELECT count(*) FROM replay_targets WHERE is_open") == 0
    prefix = stores.around.stores.settings.redis_prefix
    assert list(stores.clients.redis.scan_iter(f"{prefix}:availability:v1:*")) == []


def test_stopped_while_it_holds_the_projectors_up_it_lets_go_and_ends_later(
    at_hand: Ready,
) -> None:
    stores = at_hand.stores
    stepping = replace(at_hand.stepping, step="promote")
    free = (
        "SELECT count(*) FROM (SELECT FROM projection_checkpoints WHERE version = 1"
        " FOR UPDATE SKIP LOCKED) AS unlocked"
    )
    every = one(stores, "SELECT count(*) FROM projection_checkpoints WHERE version = 1")
    with stepping.running(BACKSTOCK_STOP_AT="cutover.locked") as child:
        deadline = time.monotonic() + STOPPED_SECONDS_MAX
        while child.status() != "stopped":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert one(stores, free) < every
        time.sleep(1.5)
        assert one(stores, free) == every
        at_hand.stands(1, 1)
        child.send_signal(signal.SIGCONT)
        _, said = child.communicate(timeout=60)
        assert child.returncode == 0, said
    at_hand.stands(2, 2)
