"""All process managers of a process behind one consumer, so that an event is read and decoded once.

Each has a checkpoint of its own, moved in the transaction that writes what it says. One that is new
begins at 0: then events come from there again, and those that are further pass over what they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from commands.processes import tables
from commands.processes.process import AnyManager, Happened, Instance
from commands.processes.tables import Rows, checkpoint_name
from commands.processes.turn import Turn
from commands.submission import CORRELATION
from eventlog.codec import KNOWN_TYPES, decode, decode_metadata
from eventlog.crash_points import crash_point
from eventlog.log import RecordedEvent
from eventlog.outages import postgres_outages
from eventlog.postgres.connections import Pool
from eventlog.projection import Batch, BatchRejectedError, Checkpoint, PoisonEventError
from eventlog.upcasters import stored_names

# Whose leases say which shards a process works on, and under which streams are parked.
NAME: Final = "processes"
# A process that stalls holds its rows no longer than this. What is said and the checkpoint are lost
# together or not at all: nobody need wait for the disk.
BOUNDED_AND_LIGHT: Final = """
SELECT set_config('idle_in_transaction_session_timeout', '10s', true),
       set_config('synchronous_commit', 'off', true)
"""
# No id holds a space, so no instance is taken for what is kept of a parked stream.
PARKED: Final = "parked "


class Processes:
    """A `Projection` over the tables of process managers. `said` is called when tasks may be there.

    It is in no catalogue: nothing can replay it. Used by one thread.
    """

    name = NAME
    version = 1

    def __init__(
        self,
        pool: Pool,
        managers: Sequence[AnyManager],
        *,
        epoch: int,
        said: Callable[[], None] = lambda: None,
    ) -> None:
        self._handled = {each.name: frozenset(stored_names(each.handles)) for each in managers}
        self.handles = frozenset[str]().union(*self._handled.values())
        self._asked = {
            name: [each.may_concern for each in managers if name in self._handled[each.name]]
            for name in self.handles
        }
        self._pool = pool
        self._managers = tuple(managers)
        self._epoch = epoch
        self._said = said
        self._positions: dict[int, dict[str, int]] = {}

    def ensure(self, shards: int) -> None:
        """Make the checkpoints that are missing. Raises `StoreUnavailableError`."""
        names = [NAME, *(checkpoint_name(manager.name) for manager in self._managers)]
        with self._transaction() as connection:
            tables.ensure(connection, names, epoch=self._epoch, shards=shards)

    def checkpoint(self, shard: int) -> Checkpoint:
        names = [checkpoint_name(manager.name) for manager in self._managers]
        with self._transaction() as connection:
            found = tables.positions(connection, names, shard, epoch=self._epoch)
        self._positions[shard] = dict(found)
        return Checkpoint(epoch=self._epoch, position=min(found.values()))

    def wants(self, type_name: str, data: bytes) -> bool:
        """Whether a manager may be concerned by an event that is stored so (`Wanted`)."""
        asked = self._asked.get(type_name)
        if asked is None:
            return type_name not in KNOWN_TYPES
        return any(may_concern(type_name, data) for may_concern in asked)

    def apply(self, batch: Batch) -> None:
        stood = self._positions[batch.shard]
        afters = {name: position for name, position in stood.items() if position < batch.last}
        said = False
        try:
            with self._transaction() as connection:
                tables.advance(connection, afters, batch)
                for manager in self._managers:
                    since = afters.get(checkpoint_name(manager.name))
                    if since is not None:
                        later = [each for each in batch.events if each.shard_position > since]
                        said |= self._fold(connection, manager, later)
                crash_point("processes.before_commit")
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise BatchRejectedError(batch, error) from error
        self._positions[batch.shard] = dict.fromkeys(stood, batch.last) | {
            name: position for name, position in stood.items() if position > batch.last
        }
        if said:
            self._said()

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        """Each manager remembers how far it has come in a stream that was parked."""
        try:
            with self._transaction() as connection:
                for manager in self._managers:
                    self._fold_parked(connection, manager, events)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise BatchRejectedError(None, error) from error
        self._said()

    def _fold(self, connection: Rows, manager: AnyManager, events: Sequence[RecordedEvent]) -> bool:
        handled = self._handled[manager.name]
        concerned = [
            (event, *_concerned(manager, event))
            for event in events
            if event.type in handled and manager.may_concern(event.type, event.data)
        ]
        wanted = {each for _, _, instances in concerned for each in instances}
        if not wanted:
            return False
        turn: Turn[Any] = Turn(connection, manager, wanted)
        for event, happened, instances in concerned:
            for instance in instances:
                try:
                    reaction = manager.react(happened, instance, turn.state(instance))
                except Exception as error:
                    raise PoisonEventError(event, error) from error
                correlation = _correlation(event) if reaction.tasks else None
                turn.take(instance, reaction, correlation=correlation)
        return turn.write()

    def _fold_parked(
        self, connection: Rows, manager: AnyManager, events: Sequence[RecordedEvent]
    ) -> None:
        first, last = events[0], events[-1]
        mark = Instance(ledger=first.ledger, id=f"{PARKED}{first.stream}")
        tables.lock_ledgers(connection, manager.name, {first.ledger})
        known = tables.states(connection, manager.name, [mark]).get(mark, b"0")
        new = [event for event in events if event.stream_version > int(known)]
        if new:
            self._fold(connection, manager, new)
            reached = str(last.stream_version).encode()
            tables.keep_states(connection, manager.name, {mark: reached})

    @contextmanager
    def _transaction(self) -> Iterator[Rows]:
        with postgres_outages(), self._pool.connection() as connection, connection.transaction():
            connection.execute(BOUNDED_AND_LIGHT)
            yield connection


def _concerned(manager: AnyManager, event: RecordedEvent) -> tuple[Happened, tuple[Instance, ...]]:
    try:
        happened = happened_of(event)
        return happened, tuple(manager.instances(happened))
    except Exception as error:
        raise PoisonEventError(event, error) from error


def happened_of(event: RecordedEvent) -> Happened:
    """A stored event as managers are told of it. Raises UnknownEventType, UndecodableEventError."""
    return Happened(
        tenant=event.tenant,
        ledger=event.ledger,
        stream=event.stream,
        stream_version=event.stream_version,
        position=event.ledger_position,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        event=decode(event.type, event.data),
    )


def _correlation(event: RecordedEvent) -> str | None:
    """What the commands that follow name as that which led to them."""
    metadata = decode_metadata(event.metadata)
    found = metadata.correlation_id or metadata.command_id
    return found if found is not None and CORRELATION.fullmatch(found) else None
