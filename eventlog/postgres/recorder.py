"""The `eventsourcing` library's recorder, bound to one ledger of the log.

Its stored events go into the tables that commands write, by way of the very same append, topics and
states as they are. Notification ids are ledger positions, so they run without a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing import postgres
from eventsourcing.persistence import (
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from uuid_utils.compat import uuid7

from eventlog.codec import Metadata, encode_metadata
from eventlog.log import (
    AppendRejectedError,
    AppendUnknownError,
    Decided,
    LedgerHead,
    LogUnavailableError,
    NewEvent,
    RecordedEvent,
    ShardBusyError,
    StoredAnswer,
    StreamVersionConflict,
)
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import Pool, borrowed
from eventlog.postgres.heads import ledger_head
from eventlog.postgres.identity import store_identity
from eventlog.shards import shard_of

POLL_SECONDS = 0.05
utc_now = partial(datetime.now, UTC)
ENDLESS = 2**63 - 1
BEFORE_ALL = -(2**63)

SELECT_STREAM = """
    SELECT stream, stream_version, type, data FROM events
    WHERE ledger = %s AND stream = %s AND stream_version > %s AND stream_version <= %s
"""
STREAM_UP = SELECT_STREAM + "ORDER BY stream_version LIMIT %s"
STREAM_DOWN = SELECT_STREAM + "ORDER BY stream_version DESC LIMIT %s"
NOTIFICATIONS = """
    SELECT stream, stream_version, type, data, ledger_position FROM events
    WHERE ledger = %s AND ledger_position > %s AND ledger_position <= %s
        AND (%s::text[] IS NULL OR type = ANY(%s::text[]))
    ORDER BY ledger_position LIMIT %s
"""


class LedgerRecorder(postgres.PostgresApplicationRecorder):
    """The events of one ledger as the library's stored events and notifications.

    Makes no tables: the migrations do. An unknown ledger is a `ProgrammingError`.
    """

    appender_class: ClassVar[type[PostgresAppender]] = PostgresAppender

    def __init__(
        self,
        datastore: postgres.PostgresDatastore,
        *,
        ledger: str,
        pool: Pool,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], UUID] = uuid7,
    ) -> None:
        super().__init__(datastore, events_table_name="events")
        self._ledger = ledger
        self._pool = pool
        self._new_id = new_id
        self._shard = shard_of(ledger, store_identity(pool).shards)
        self._appender = self.appender_class(pool, clock=clock)
        self._originator_id: Callable[[str], UUID | str] = (
            UUID if datastore.originator_id_type == "uuid" else str
        )

    def create_table(self) -> None:
        """Nothing to do: the tables are the migrations'."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: object
    ) -> Sequence[int] | None:
        """Append these in one transaction; returns their notification ids.

        Never retried here: a lost commit reply would come back as a conflict with itself.
        """
        if unknown := [name for name, value in kwargs.items() if value is not None]:
            raise ProgrammingError(f"this recorder keeps no {', '.join(unknown)}")
        if not stored_events:
            return None
        decision = _AsTheyAre(self._ledger, stored_events, self._new_id)
        with _library_errors():
            appended = self._appender.append(self._shard, decision)
        first = appended.ledger_first_positions[self._ledger]
        return list(range(first, first + len(stored_events)))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        after = BEFORE_ALL if gt is None else gt
        upto = ENDLESS if lte is None else lte
        rows = self._select(
            STREAM_DOWN if desc else STREAM_UP,
            (self._ledger, str(originator_id), after, upto, limit),
        )
        return [
            StoredEvent(
                originator_id=originator_id, originator_version=version, topic=topic, state=state
            )
            for _, version, topic, state in rows
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = (start or 0) - (1 if inclusive_of_start else 0)
        upto = ENDLESS if stop is None else stop
        wanted = list(topics) or None
        rows = self._select(NOTIFICATIONS, (self._ledger, after, upto, wanted, wanted, limit))
        return [
            Notification(
                id=position,
                originator_id=self._originator_id(stream),
                originator_version=version,
                topic=topic,
                state=state,
            )
            for stream, version, topic, state, position in rows
        ]

    def max_notification_id(self) -> int | None:
        with _library_errors():
            head = ledger_head(self._pool, self._ledger)
        return head.position or None if head else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> PolledSubscription:
        return PolledSubscription(recorder=self, gt=gt, topics=topics)

    def _select(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with (
            _library_errors(),
            borrowed(self._pool) as connection,
            connection.cursor(binary=True) as cursor,
        ):
            return cursor.execute(query, parameters, prepare=True).fetchall()


class PolledSubscription(ListenNotifySubscription[LedgerRecorder]):
    """Wakes up by looking at the ledger's head: a NOTIFY would serialize every writer's commit."""

    def __init__(
        self, recorder: LedgerRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._ended = Event()
        self._poll_thread = Thread(target=self._poll)
        self._poll_thread.start()

    def stop(self) -> None:
        super().stop()
        self._ended.set()

    def __exit__(self, *args: object, **kwargs: object) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._poll_thread.join()

    def _poll(self) -> None:
        seen = 0
        try:
            while not self._ended.wait(POLL_SECONDS):
                if (latest := self._recorder.max_notification_id() or 0) > seen:
                    seen = latest
                    self._has_been_notified.set()
        except OperationalError as error:
            self._thread_error = self._thread_error or error
            self.stop()


class _AsTheyAre:
    """The decision of somebody who has decided already, as the library's recorders ask for."""

    keys = ()
    known_position = None

    def __init__(
        self, ledger: str, stored_events: Sequence[StoredEvent], new_id: Callable[[], UUID]
    ) -> None:
        self.ledgers = (ledger,)
        self._stored_events = stored_events
        self._new_id = new_id

    def catch_up(self, events: Sequence[RecordedEvent]) -> None:  # noqa: ARG002 - as Decision says
        raise AssertionError("nothing to bring up: this decision keeps no state")

    def decide(
        self,
        heads: Mapping[str, LedgerHead],
        answers: Mapping[tuple[str, str], StoredAnswer],  # noqa: ARG002 - as Decision says
        recorded_at: datetime,
    ) -> Decided:
        (ledger,) = self.ledgers
        if ledger not in heads:
            raise ProgrammingError(f"this store has no ledger {ledger!r}")
        events = [
            NewEvent(
                ledger=ledger,
                stream=str(each.originator_id),
                stream_version=each.originator_version,
                event_id=self._new_id(),
                type=each.topic,
                data=each.state,
                metadata=NOTHING_KNOWN,
                occurred_at=recorded_at,
            )
            for each in self._stored_events
        ]
        return Decided(events=events, keys=())


NOTHING_KNOWN = encode_metadata(Metadata())


@contextmanager
def _library_errors() -> Iterator[None]:
    try:
        yield
    except (StreamVersionConflict, AppendRejectedError) as error:
        raise IntegrityError(str(error)) from error
    except (AppendUnknownError, LogUnavailableError, ShardBusyError) as error:
        raise OperationalError(str(error)) from error
