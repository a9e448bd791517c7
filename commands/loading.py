"""Reads what a batch will decide on, before any lock: many streams in two statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import structlog

from commands.batch import Pending
from commands.folds import Folded, StreamKey, beginning, folded_all, from_snapshot
from commands.memory import ShardMemory
from commands.view import CommandView, StreamNotLoadedError
from domain.kits import KIT_LEVELS_MAX
from eventlog.log import LogReader, SnapshotStore

log = structlog.get_logger(__name__)

# Each stream's tail may be as long as what a snapshot waits for: this bounds the events of a read.
STREAMS_PER_READ_MAX = 200
# An order's stocks are known once the order is read, a kit's parts level by level; one round more
# to see that all is there.
PLAN_ROUNDS_MAX = KIT_LEVELS_MAX + 2
# Another writer appended more than this meanwhile: starting afresh is cheaper than folding it all.
BEHIND_MAX = 5_000


class Loader:
    """Blocks. Raises `LogUnavailableError`, and for streams that this code cannot fold
    UnknownEventType or UndecodableEventError.
    """

    def __init__(self, reader: LogReader, snapshots: SnapshotStore) -> None:
        self._reader = reader
        self._snapshots = snapshots

    def begin(self, shard: int) -> ShardMemory:
        return ShardMemory(known_position=self._reader.shard_position(shard))

    def freshen(self, memory: ShardMemory, shard: int) -> None:
        """For a writer that was away for long: forget, rather than fold under the lock."""
        position = self._reader.shard_position(shard)
        if position > memory.known_position + BEHIND_MAX:
            memory.forget_all(known_position=position)

    def load_for(self, pendings: Iterable[Pending], memory: ShardMemory) -> None:
        """Every stream the commands say they read."""
        unplanned = list(pendings)
        for _ in range(PLAN_ROUNDS_MAX):
            wanted: dict[StreamKey, None] = {}
            again = []
            for pending in unplanned:
                view = CommandView(pending.ledger, memory)
                try:
                    for stream in pending.handler.streams(pending.submission.command, view):
                        wanted[(pending.ledger, stream)] = None
                except StreamNotLoadedError as error:
                    wanted |= dict.fromkeys(error.keys)
                    again.append(pending)
            self.load(wanted, memory)
            unplanned = again
            if not again:
                return

    def load(self, wanted: Iterable[StreamKey], memory: ShardMemory) -> None:
        """Each of these that is not in memory, which reaches at least to `known_position` then."""
        missing = iter([key for key in wanted if not memory.touch(key)])
        while chunk := list(islice(missing, STREAMS_PER_READ_MAX)):
            for key, found in self._read(chunk):
                memory.put(key, found)

    def load_histories(
        self, wanted: Mapping[StreamKey, int], memory: ShardMemory, *, work_max: int
    ) -> int:
        """The whole past of stocks, each with the number of commands that go through it.

        Returns about how many events they will go through in all; beyond `work_max` not every one
        was read, and the figure is what all of them come to if the rest are alike.
        """
        work = 0
        for read, ((ledger, stream), times) in enumerate(wanted.items(), start=1):
            events = self._reader.read_stream(ledger, stream, 0)
            work += times * memory.put_history((ledger, stream), events)
            if work > work_max:
                return work * len(wanted) // read
        return work

    def _read(self, keys: Sequence[StreamKey]) -> Iterator[tuple[StreamKey, Folded]]:
        states = {key: beginning(key[1]) for key in keys}
        for key, stored in self._snapshots.load(keys).items():
            kept = from_snapshot(stored)
            if kept is None:
                log.info("snapshot_of_another_fold", stream=key[1], format=stored.format)
            else:
                states[key] = kept
        tails = [(ledger, stream, states[ledger, stream].version) for ledger, stream in keys]
        for event in self._reader.read_streams(tails):
            key = (event.ledger, event.stream)
            states[key] = folded_all(states[key], (event,))
        yield from states.items()
