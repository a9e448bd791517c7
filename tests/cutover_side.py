"""Replays that are ready to be promoted, and the steps of a cut-over as tests take them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from eventlog.heads import HeadKey
from ops.own_positions import own_positions
from projections.catalogue import active
from projections.editions import RETURNS_TWICE
from replay import records
from replay.cutover import Cutover, promote, rollback
from replay.gate import Acceptance
from replay.history import History
from replay.retiring import retire
from tests.projection_side import drain
from tests.replay_side import World

ACCEPTED = Acceptance(who="key_test", why="it is a drill")
FEED_PAUSE_SECONDS = 0.02


def ready(
    world: World, *projections: str, surprises: int = 0, edition: str = RETURNS_TWICE
) -> UUID:
    """A replay that is built and, as far as its row says, compared."""
    replay_id = world.plan(*projections, edition=edition)
    world.run(replay_id)
    with world.log.pool.connection() as connection, connection.transaction():
        records.move(connection, replay_id, wanted=["following"], to="diffed")
        records.note(connection, replay_id, diff=difference(surprises))
    return replay_id


def difference(surprises: int) -> dict[str, Any]:
    """As little of a stored difference as the gate reads."""
    return {
        "compared_at": datetime.now(UTC).isoformat(),
        "epoch": 1,
        "at": {},
        "rules": [],
        "surprises": surprises,
        "projections": {},
        "history": History().as_dict(),
    }


def signing_key(world: World) -> HeadKey:
    """The deployment's own; made when it has none."""
    return HeadKey.in_directory(world.around.stores.keys_directory)


def promoted(
    world: World, replay_id: UUID, *, acceptance: Acceptance | None = None, wait: bool = False
) -> Cutover:
    with own_positions(world.around) as positions:
        return promote(
            world.log.pool,
            replay_id,
            acceptance=acceptance,
            key=signing_key(world),
            positions=positions,
            sleep=time.sleep if wait else _briefly,
            clock=time.monotonic,
        )


def rolled_back(world: World, replay_id: UUID, *, wait: bool = False) -> Cutover:
    with own_positions(world.around) as positions:
        return rollback(
            world.log.pool,
            replay_id,
            positions=positions,
            sleep=time.sleep if wait else _briefly,
            clock=time.monotonic,
        )


def retired(world: World, replay_id: UUID) -> list[str]:
    gone = retire(world.log.pool, replay_id, drop=world.around.drop, sleep=_briefly)
    return [f"{model.name} v{model.version}" for model in gone]


def answering(world: World) -> dict[str, int]:
    """The active versions."""
    with world.log.pool.connection() as connection:
        return {name: model.version for name, model in active(connection).items()}


def generation(world: World) -> int:
    return int(one(world, "SELECT generation FROM read_generation"))


def one(world: World, query: str) -> Any:
    with world.log.pool.connection() as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


@contextmanager
def fed(world: World, ledger: str, versions: Sequence[tuple[str, int]]) -> Iterator[None]:
    """Versions follow the shard of a ledger until the end of the block, a thread for each."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def follow(name: str, version: int) -> None:
        try:
            made = world.around.make(world.version(name, version))
            while not stop.wait(FEED_PAUSE_SECONDS):
                drain(world.log, made, world.log.shard(ledger))
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    threads = [threading.Thread(target=follow, args=each) for each in versions]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []


def _briefly(seconds: float) -> None:
    """For where nobody reads: only the polls take their time."""
    time.sleep(min(seconds, 0.01))
