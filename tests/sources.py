"""Event sources without Kafka: straight from the store, whole or mangled."""

import random
import time
from collections.abc import Mapping, Sequence

from eventlog.log import LogReader, RecordedEvent


class StoreSource:
    """An `EventSource` that reads the store, and mangles what it brings as told."""

    trouble: str | None = None

    def __init__(self, reader: LogReader, mangle: random.Random | None = None) -> None:
        self._reader = reader
        self._mangle = mangle
        self._positions: dict[int, int] = {}

    def follow(self, shard: int, position: int) -> None:
        self._positions[shard] = position

    def drop(self, shard: int) -> None:
        self._positions.pop(shard, None)

    def poll(self, events_max: int, seconds: float) -> Mapping[int, Sequence[RecordedEvent]]:
        time.sleep(min(seconds, 0.01))
        arrived = {}
        for shard, position in self._positions.items():
            page = list(self._reader.read_shard(shard, position, min(events_max, 40)))
            if page:
                self._positions[shard] = page[-1].shard_position
                arrived[shard] = self._mangled(page)
        return arrived

    def close(self) -> None:
        pass

    def _mangled(self, page: list[RecordedEvent]) -> list[RecordedEvent]:
        chance = self._mangle
        if chance is None:
            return page
        match chance.randrange(5):
            case 0:
                return page + page
            case 1:
                return [event for event in page if chance.random() > 0.2]
            case 2:
                return chance.sample(page, len(page))
            case 3:
                return page[len(page) // 2 :]
            case _:
                return page


class DeafSource(StoreSource):
    """Brings nothing, ever."""

    def poll(self, events_max: int, seconds: float) -> Mapping[int, Sequence[RecordedEvent]]:
        del events_max
        time.sleep(min(seconds, 0.01))
        return {}
