"""Somebody who reads all stores over and over, and what he must never have seen: two versions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import clickhouse_connect

from ops.processes.projector import redis_client
from projections.catalogue import ReadModel, active
from replay.determinism import Clients, checksums
from tests.replay_side import World

PAUSE_SECONDS = 0.05
Bytes = Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class Polled:
    """`held`: versions of the read models that were cut over together -> what their stores held."""

    looks: int = 0
    held: dict[tuple[int, ...], list[Bytes]] = field(default_factory=dict)


@contextmanager
def polled(world: World, names: Sequence[str]) -> Iterator[Polled]:
    """Look until the end of the block; nobody may write to the log meanwhile."""
    found, stop, failed = Polled(), threading.Event(), list[BaseException]()

    def poll() -> None:
        try:
            stores = world.around.stores
            url = stores.clickhouse_url
            with (
                closing(redis_client(stores)) as keys,
                closing(clickhouse_connect.get_client(dsn=url)) as rows,
            ):
                clients = Clients(redis=keys, clickhouse=rows)
                while not stop.wait(PAUSE_SECONDS):
                    _look(world, names, clients, found)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
    assert failed == []
    assert found.looks > 0
    for versions, held in found.held.items():
        assert len(set(versions)) == 1, f"{versions} answered beside each other"
        assert len(held) == 1, f"what v{versions[0]} holds has changed while it answered"


def _look(world: World, names: Sequence[str], clients: Clients, found: Polled) -> None:
    """One look; void when the versions were switched in the middle of it, as readers take it."""
    before, models = _answering(world)
    held = {name: dict(checksums(models[name], world.log.pool, clients)) for name in names}
    if _answering(world)[0] != before:
        return
    found.looks += 1
    seen = found.held.setdefault(tuple(models[name].version for name in names), [])
    if held not in seen:
        seen.append(held)


def _answering(world: World) -> tuple[int, Mapping[str, ReadModel]]:
    """The generation, and the versions that answer, of one instant."""
    with world.log.pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT generation FROM read_generation").fetchone()
        assert row is not None
        return row[0], active(connection)
