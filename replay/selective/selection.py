"""Which streams a selective replay is about: those that have an event which was selected.

The selection only says which streams. Each of them is then folded from its first event, whatever
instant or type was asked for: a fold of a part of a stream is no fold of the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.streams import item_stream, order_stream, stock_stream
from eventlog.codec import EVENT_TYPES, KNOWN_TYPES
from projections.queries.standing import position_before
from replay.sku_streams import ranges_of_sku

STREAMS_MAX: Final = 200_000
STREAMS_PER_PAGE: Final = 5_000
POSITIONS_PER_PAGE: Final = 50_000
LAST_CHARACTER: Final = chr(0x10FFFF)

LEDGERS: Final = """
SELECT ledger, shard, position FROM ledgers
 WHERE (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
   AND (%(ledger)s::text IS NULL OR ledger = %(ledger)s)
 ORDER BY ledger
"""
# From one stream to the next by the index, whatever number of events each has.
STREAMS: Final = """
WITH RECURSIVE found (stream) AS (
     (SELECT stream FROM events
       WHERE ledger = %(ledger)s AND stream >= %(first)s AND stream < %(end)s
       ORDER BY stream LIMIT 1)
     UNION ALL
     SELECT (SELECT e.stream FROM events AS e
              WHERE e.ledger = %(ledger)s AND e.stream > found.stream AND e.stream < %(end)s
              ORDER BY e.stream LIMIT 1)
       FROM found WHERE found.stream IS NOT NULL
)
SELECT stream FROM (SELECT stream FROM found WHERE stream IS NOT NULL LIMIT %(limit)s) AS page
"""
MATCHES: Final = """
   AND (%(type)s::text IS NULL OR type = %(type)s)
   AND ledger_position > %(after)s AND ledger_position <= %(upto)s
   AND (%(order)s::bytea IS NULL OR position(%(order)s::bytea IN data) > 0)
"""
MATCHING: Final = f"""
SELECT stream FROM unnest(%(streams)s::text[]) AS named (stream)
 WHERE EXISTS (SELECT FROM events WHERE ledger = %(ledger)s AND events.stream = named.stream
               {MATCHES})
"""  # noqa: S608 - constants
SCAN: Final = f"""
SELECT DISTINCT stream FROM events WHERE ledger = %(ledger)s {MATCHES}
"""  # noqa: S608 - constants
PLACED: Final = """
SELECT ledger_position FROM events WHERE ledger = %s AND stream = %s AND stream_version = 1
"""
LENGTHS: Final = """
SELECT named.stream, last.stream_version
  FROM unnest(%s::text[]) AS named (stream)
 CROSS JOIN LATERAL (
       SELECT stream_version FROM events WHERE ledger = %s AND stream = named.stream
        ORDER BY stream_version DESC LIMIT 1) AS last
"""
Observe = Callable[[str, int, int], None]
"""What is done, how much of it, of how much."""


class SelectiveError(Exception):
    """A selective replay that was refused; its words say what to do."""


class SelectionError(SelectiveError):
    """A selection that says nothing, or nothing that there is. Nothing was changed."""


class TooManyStreamsError(SelectiveError):
    def __init__(self, found: int) -> None:
        super().__init__(
            f"more than {STREAMS_MAX:,} streams are selected ({found:,} so far): rebuild the read"
            " models whole, by `backstock replay plan` and `run`; nothing was changed"
        )
        self.found = found


class StreamKey(NamedTuple):
    """A stream of the log and how many events it has (0: it is only named)."""

    ledger: str
    stream: str
    shard: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Events that meet all that is given. Instants: when events were recorded, `until` excluded.
    Positions: of each ledger, both included.
    """

    sku: str | None = None
    location: str | None = None
    order_id: str | None = None
    tenant: str | None = None
    ledger: str | None = None
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None
    type_name: str | None = None
    first_position: int | None = None
    last_position: int | None = None

    def check(self) -> None:
        """Raises `SelectionError`, which names the option."""
        if all(getattr(self, each.name) is None for each in fields(self)):
            raise SelectionError(
                "say which: --sku, --order, --tenant, --from/--until, --from-position/--to-position"
                " or --type"
            )
        if self.location is not None and self.sku is None:
            raise SelectionError("--location narrows a --sku: give both")
        for name in ("recorded_from", "recorded_until"):
            instant: datetime | None = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                raise SelectionError(f"{name}: {instant} has no time zone, such as Z")
        if self._is_empty_range():
            raise SelectionError("--from is not before --until: no instant lies between them")
        first, last = self.first_position, self.last_position
        if first is not None and last is not None and last < first:
            raise SelectionError("--from-position is beyond --to-position: no event lies there")
        if self.type_name is not None and self.type_name not in KNOWN_TYPES:
            known = ", ".join(sorted(EVENT_TYPES))
            raise SelectionError(f"--type: no event type {self.type_name!r}; there are {known}")

    @property
    def narrows(self) -> bool:
        """Whether it asks for some events of a stream rather than for streams by name."""
        return any(each is not None for each in (self.order_id, self.type_name, *self._range()))

    def named(self) -> list[str]:
        """Streams that it names itself: looked at even if the log has no event of them."""
        if self.sku is not None and not self.narrows:
            if self.location is not None:
                return [stock_stream(self.sku, self.location)]
            return [item_stream(self.sku)]
        only_order = self.order_id is not None and self.sku is None
        if only_order and self.order_id and not any(self._range()):
            return [order_stream(self.order_id)] if self.type_name is None else []
        return []

    def _range(self) -> tuple[object, ...]:
        return self.recorded_from, self.recorded_until, self.first_position, self.last_position

    def _is_empty_range(self) -> bool:
        start, end = self.recorded_from, self.recorded_until
        return start is not None and end is not None and end <= start


def selected(
    connection: Connection[TupleRow], selection: Selection, observe: Observe
) -> list[StreamKey]:
    """The streams, by ledger and name. Reads pages of the log, so `connection` is autocommit.

    Raises `SelectionError`, `TooManyStreamsError`.
    """
    selection.check()
    values = {"tenant": selection.tenant, "ledger": selection.ledger}
    ledgers = connection.execute(LEDGERS, values).fetchall()
    if not ledgers:
        asked = selection.ledger or selection.tenant
        raise SelectionError(f"there is no ledger of {asked!r}: nothing was changed")
    total = sum(position for _, _, position in ledgers)
    found: list[StreamKey] = []
    done = 0
    for ledger, shard, head in ledgers:
        streams: set[str] = set(selection.named())
        for page, position in _pages(connection, selection, ledger, head):
            streams.update(page)
            observe("looking for streams", done + position, total)
            if len(found) + len(streams) > STREAMS_MAX:
                raise TooManyStreamsError(len(found) + len(streams))
        done += head
        lengths = _lengths(connection, ledger, sorted(streams))
        found += [StreamKey(ledger, each, shard, lengths.get(each, 0)) for each in sorted(streams)]
    observe("looking for streams", total, total)
    return found


def _pages(
    connection: Connection[TupleRow], selection: Selection, ledger: str, head: int
) -> Iterator[tuple[Sequence[str], int]]:
    """Streams, and the ledger position up to which the log was looked through."""
    values = _values(connection, selection, ledger, head)
    if values["upto"] <= values["after"]:
        return
    if selection.sku is None and selection.narrows:
        first, last = values["after"], values["upto"]
        for after in range(first, last, POSITIONS_PER_PAGE):
            upto = min(after + POSITIONS_PER_PAGE, last)
            page = connection.execute(SCAN, values | {"after": after, "upto": upto})
            yield [stream for (stream,) in page], upto
        return
    for names in _names(connection, selection, ledger):
        if selection.narrows:
            matching = connection.execute(MATCHING, values | {"streams": names})
            yield [stream for (stream,) in matching], 0
        else:
            yield names, 0


def _values(
    connection: Connection[TupleRow], selection: Selection, ledger: str, head: int
) -> dict[str, Any]:
    after, upto = 0, head
    if selection.recorded_from is not None:
        after = position_before(connection, ledger, head, selection.recorded_from)
    if selection.recorded_until is not None:
        upto = position_before(connection, ledger, head, selection.recorded_until)
    if selection.first_position is not None:
        after = max(after, selection.first_position - 1)
    if selection.last_position is not None:
        upto = min(upto, selection.last_position)
    order = None
    if selection.order_id is not None:
        order = b'"order_id":' + msgspec.json.encode(selection.order_id)
        placed = connection.execute(PLACED, (ledger, order_stream(selection.order_id))).fetchone()
        # Nothing speaks of an order before it is placed.
        after = max(after, placed[0] - 1) if placed else upto
    return {
        "ledger": ledger,
        "type": selection.type_name,
        "after": after,
        "upto": upto,
        "order": order,
    }


def _names(
    connection: Connection[TupleRow], selection: Selection, ledger: str
) -> Iterator[list[str]]:
    """Every stream of the SKU, or of the ledger, page by page."""
    for first, end in _ranges(selection):
        start = first
        while True:
            values = {"ledger": ledger, "first": start, "end": end, "limit": STREAMS_PER_PAGE}
            page = [stream for (stream,) in connection.execute(STREAMS, values)]
            yield page
            if len(page) < STREAMS_PER_PAGE:
                break
            start = f"{page[-1]}\x01"


def _ranges(selection: Selection) -> list[tuple[str, str]]:
    sku = selection.sku
    if sku is None:
        return [("", LAST_CHARACTER)]
    if selection.location is not None:
        stream = stock_stream(sku, selection.location)
        return [(stream, f"{stream}\x01")]
    return ranges_of_sku(sku)


def _lengths(
    connection: Connection[TupleRow], ledger: str, streams: Sequence[str]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(streams), STREAMS_PER_PAGE):
        names = list(streams[start : start + STREAMS_PER_PAGE])
        found |= dict(connection.execute(LENGTHS, (names, ledger)).fetchall())
    return found
