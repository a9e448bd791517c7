"""Where a fork reads the past from: the log alone, as the read role, in transactions that cannot
write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

from psycopg_pool import ConnectionPool

from domain.events import Event, OrderEvent, StockEvent
from domain.order import Order
from domain.order import evolve as evolve_order
from domain.stock_history import StockHistory
from domain.values import Fact
from eventlog.codec import decode, decode_metadata
from eventlog.log import LogReader, RecordedEvent
from eventlog.postgres.connections import CONNECT_SECONDS_MAX, Pool, borrowed
from eventlog.postgres.reader import PostgresReader
from replay.fork.recovery import Past
from replay.fork.refused import Refused, refused

PAGE_EVENTS = 2_000
PAGE_REFUSED = 20_000  # Each page looks through all keys of the ledger.
# A page of a long past may have to come off the disk.
STATEMENT_MILLISECONDS_MAX = 60_000
POOL_SIZE = 2  # Pages, and the past of one stock meanwhile.
HEAD = "SELECT position FROM ledgers WHERE ledger = %s"
REFUSED = (
    "SELECT key, recorded_at, answer FROM command_keys WHERE ledger = %s AND NOT accepted"
    " AND (recorded_at, key) > (%s, %s) ORDER BY recorded_at, key LIMIT %s"
)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class UnknownLedgerError(Exception):
    def __init__(self, ledger: str) -> None:
        super().__init__(
            f"there is no ledger {ledger}: name it as tenant/ledger, such as acme/main"
        )
        self.ledger = ledger


@contextmanager
def read_only_pool(dsn: str, tenant: str) -> Iterator[Pool]:
    """Connections of the read role that see one tenant and cannot write, whatever they are asked:
    its rights do not reach so far, and every transaction of theirs is read only.
    """
    options = (
        f"-c timezone=UTC -c jit=off -c statement_timeout={STATEMENT_MILLISECONDS_MAX}"
        f" -c default_transaction_read_only=on -c backstock.tenant={tenant}"
    )
    settings = {
        "autocommit": True,
        "connect_timeout": CONNECT_SECONDS_MAX,
        "application_name": "backstock-fork",
        "options": options,
    }
    with ConnectionPool(
        dsn, kwargs=settings, min_size=1, max_size=POOL_SIZE, name="fork", open=True
    ) as pool:
        yield pool


class PastOfLedger:
    """One ledger's past, command by command. Blocks; raises `LogUnavailableError`, `LogGapError`,
    and for events this code cannot read UnknownEventType or UndecodableEventError.
    """

    def __init__(self, pool: Pool, ledger: str) -> None:
        self._pool = pool
        self._reader: LogReader = PostgresReader(pool)
        self._ledger = ledger

    def head(self) -> int:
        """The ledger's last position. Raises `UnknownLedgerError`."""
        with borrowed(self._pool) as connection:
            row = connection.execute(HEAD, (self._ledger,)).fetchone()
        if row is None:
            raise UnknownLedgerError(self._ledger)
        return int(row[0])

    def commands(self, until: int) -> Iterator[Past]:
        """In order, up to the command that the position `until` belongs to."""
        waiting: list[RecordedEvent] = []
        key: str | None = None
        for event in self._events():
            its_key = decode_metadata(event.metadata).command_id
            if waiting and (its_key is None or its_key != key):
                yield _past(key, waiting)
                waiting = []
                if event.ledger_position > until:
                    return
            key = its_key
            waiting.append(event)
        if waiting:
            yield _past(key, waiting)

    def refused(self) -> Iterator[Refused]:
        """Refused commands by `recorded_at`: they have no position.

        Page by page, so that no transaction stays open for as long as the walk takes.
        """
        at, key = LONG_AGO, ""
        while page := self._page_of_refused(at, key):
            for key, at, answer in page:
                yield refused(key, at.astimezone(UTC), bytes(answer))

    def _page_of_refused(self, at: datetime, key: str) -> list[tuple[str, datetime, bytes]]:
        with borrowed(self._pool) as connection:
            rows = connection.execute(REFUSED, (self._ledger, at, key, PAGE_REFUSED))
            return rows.fetchall()

    def history(self, stream: str, version: int) -> StockHistory:
        """A stock's whole past up to this version."""
        dated = self._dated(stream, version)
        return StockHistory().then((cast("StockEvent", event), at) for event, at in dated)

    def order(self, stream: str, version: int) -> Order:
        """An order as it was at this version."""
        order: Order | None = None
        for event, occurred_at in self._dated(stream, version):
            order = evolve_order(order, cast("OrderEvent", event), occurred_at)
        assert order is not None, "an order begins with its first event"
        return order

    def _dated(self, stream: str, version: int) -> Iterator[tuple[Event, datetime]]:
        for event in self._reader.read_stream(self._ledger, stream, 0):
            if event.stream_version > version:
                return
            yield decode(event.type, event.data), event.occurred_at

    def _events(self) -> Iterator[RecordedEvent]:
        after = 0
        while page := self._reader.read_ledger(self._ledger, after, PAGE_EVENTS):
            yield from page
            after = page[-1].ledger_position


def _past(key: str | None, events: Sequence[RecordedEvent]) -> Past:
    return Past(
        key=key,
        first_position=events[0].ledger_position,
        last_position=events[-1].ledger_position,
        recorded_at=events[0].recorded_at,
        facts=tuple(
            Fact(
                stream=event.stream,
                event=decode(event.type, event.data),
                event_id=event.event_id,
                occurred_at=event.occurred_at,
            )
            for event in events
        ),
    )
