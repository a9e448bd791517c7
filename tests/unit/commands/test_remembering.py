"""What a writer remembers is what the log says: after every kind of command, on every stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast
from uuid import UUID

import orjson
import pytest

from commands import group_commit
from commands.batch import Batch, NotLoadedError
from commands.folds import StreamKey, beginning, folded_all
from commands.memory import ShardMemory
from commands.messages import COMMAND
from commands.submission import Answer, Mode, Submission
from eventlog.log import GENESIS_HASH, LedgerHead, NewEvent, RecordedEvent, StoredAnswer
from tests.command_side import WriteSide
from tests.stories import STORY, busy

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEDGERS = ("acme/main", "acme/outlet")


class RememberedSide:
    """A write side whose log is a list."""

    def __init__(self) -> None:
        self.memory = ShardMemory(known_position=0)
        self.events: list[RecordedEvent] = []
        self._answers: dict[tuple[str, str], StoredAnswer] = {}
        self._positions = dict.fromkeys(LEDGERS, 0)
        self._ids = count(1)

    async def send_all(
        self, *commands: Mapping[str, Any], mode: Mode = "independent"
    ) -> list[Answer]:
        messages = [COMMAND.validate_json(orjson.dumps(each)) for each in commands]
        submissions = [
            Submission(tenant="acme", actor="key_test", command=message) for message in messages
        ]
        units = group_commit._units(submissions, [1] * len(messages), mode)
        batch = Batch(units, self.memory, lambda: UUID(int=next(self._ids)))
        while not self._written(batch):
            pass
        return [answer for unit in batch.answers for answer in unit]

    def stream(self, key: StreamKey) -> list[RecordedEvent]:
        return [event for event in self.events if (event.ledger, event.stream) == key]

    def _written(self, batch: Batch) -> bool:
        now = NOW + timedelta(seconds=len(self.events))
        heads = {
            ledger: LedgerHead(
                ledger=ledger,
                tenant="acme",
                shard=0,
                position=position,
                chain_hash=GENESIS_HASH,
                recorded_at=now,
            )
            for ledger, position in self._positions.items()
        }
        try:
            decided = batch.decide(heads, self._answers, now)
        except NotLoadedError as error:
            for key in error.streams:
                self.memory.put(key, beginning(key[1]))
            for key in error.histories:
                self.memory.put_history(key, self.stream(key))
            return False
        for event in decided.events:
            self._positions[event.ledger] += 1
            self.events.append(self._recorded(event, now))
        for row in decided.keys:
            self._answers[row.ledger, row.key] = StoredAnswer(
                body_hash=row.body_hash,
                accepted=row.accepted,
                answer=row.answer,
                first_position=None,
                last_position=None,
            )
        self.memory.confirm(batch.changed, batch.rewritten, position=len(self.events))
        return True

    def _recorded(self, event: NewEvent, recorded_at: datetime) -> RecordedEvent:
        return RecordedEvent(
            shard=0,
            shard_position=len(self.events) + 1,
            tenant="acme",
            ledger=event.ledger,
            ledger_position=self._positions[event.ledger],
            stream=event.stream,
            stream_version=event.stream_version,
            event_id=event.event_id,
            type=event.type,
            data=event.data,
            metadata=event.metadata,
            occurred_at=event.occurred_at,
            recorded_at=recorded_at,
            chain_hash=GENESIS_HASH,
        )


@pytest.mark.parametrize("seed", range(6))
async def test_the_remembered_state_is_the_fold_of_the_stored_events(seed: int) -> None:
    side = RememberedSide()
    for story in (*STORY, busy(seed, 250)):
        await story(cast("WriteSide", side))
    assert len(side.events) > 200
    for key in {(event.ledger, event.stream) for event in side.events}:
        stream = side.stream(key)
        assert [event.stream_version for event in stream] == list(range(1, len(stream) + 1))
        remembered = side.memory.get(key)
        assert remembered == folded_all(beginning(key[1]), stream), key
