"""Process managers as the role runs them: fed by Kafka, several that share the shards."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from commands.processes.running import NAME, Processes
from domain.events import StockReserved
from eventlog.codec import decode
from eventlog.consumer import Surroundings
from eventlog.kafka.source import KafkaSource
from eventlog.leases import ShardLeases, projection_leases
from eventlog.parked import ParkedStreams
from eventlog.postgres.positions import shard_positions
from eventlog.postgres.reader import PostgresReader
from ops.processes.process_managers import work
from tests.command_side import now, shelf, told, write_side
from tests.integration.test_processes import expired
from tests.log_running import Place, relay_running
from tests.managers_side import managing
from tests.tally import EPOCH


@dataclass(slots=True)
class Worker:
    """Folds from Kafka and sends, in a thread with a loop of its own, as the role does."""

    place: Place
    name: str
    stop: threading.Event = field(default_factory=threading.Event)
    leases: ShardLeases | None = None
    error: BaseException | None = None
    thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        assert self.thread is not None
        self.thread.join(20)
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error

    async def _work(self) -> None:
        place = self.place
        async with managing(place.dsn) as managers:
            self.leases = ShardLeases(
                managers.pool,
                projection_leases(NAME, Processes.version),
                name=self.name,
                incarnation="1",
                seconds=place.lease_seconds,
            )
            leases = self.leases
            sender = managers.sender()
            sender._shards = lambda: leases.held
            processes = Processes(managers.pool, managers.managers, epoch=EPOCH, said=sender.wake)
            processes.ensure(managers.identity.shards)
            source = KafkaSource(
                place.bootstrap, place.topic, epoch=EPOCH, name=self.name, wanted=processes.wants
            )
            around = Surroundings(
                source=source,
                reader=PostgresReader(managers.pool),
                leases=leases,
                parked=ParkedStreams(managers.pool, NAME, Processes.version),
                shard_positions=lambda: shard_positions(managers.pool),
                epoch=EPOCH,
            )
            try:
                await work(processes, around, sender, stop=self.stop)
            finally:
                source.close()


async def test_two_processes_share_the_shards_and_a_stopped_one_hands_over(place: Place) -> None:
    one, two = Worker(place, "one"), Worker(place, "two")
    async with write_side(place.dsn) as side:
        await side.stock_up(100)
        with relay_running(place):
            one.start()
            await until(lambda: one.leases is not None and len(one.leases.held) == 16)
            two.start()
            await until(lambda: two.leases is not None and len(two.leases.held) == 8)
            await side.send_all(*(soon(f"a{n}") for n in range(10)))
            await until(lambda: len(expired(side)) == 10)
            one.end()
            assert two.leases is not None
            await until(lambda: len(two.leases.held) == 16)
            await side.send_all(*(soon(f"b{n}") for n in range(10)))
            await until(lambda: len(expired(side)) == 20)
            two.end()
        reserved = {
            event.reservation_id: event.expires_at
            for event in (decode(each.type, each.data) for each in side.events())
            if isinstance(event, StockReserved)
        }
        for event in expired(side):
            fact: Any = decode(event.type, event.data)
            assert event.occurred_at == reserved.pop(fact.reservation_id)
            assert event.recorded_at - event.occurred_at < timedelta(seconds=5)
        assert reserved == {}
        answer = await side.send(type="count_stock", key="c", **shelf(), count_id="c", counted=100)
        assert told(answer)["result"]["available"] == 100


def soon(name: str) -> dict[str, Any]:
    expires_at = (now() + timedelta(seconds=0.4)).isoformat()
    return {
        "type": "reserve_stock",
        "key": name,
        **shelf(),
        "reservation_id": name,
        "quantity": 1,
        "expires_at": expires_at,
    }


async def until(holds: Any, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - other threads do what it waits for
            await asyncio.sleep(0.05)
