"""What a selection of events touches: shards, keys and rows, counted from the log in bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from eventlog.postgres.connections import Pool, borrowed
from projections.documents.kinds import KIND_OF, KINDS
from projections.queries.standing import position_before
from projections.stock_facts import STOCK_TYPES
from replay.sku_streams import ranges_of_sku

# Of a longer part of the log, evenly spaced windows are counted, and scaled up.
COUNTED_EVENTS_MAX: Final = 3_000_000
WINDOWS: Final = 10
PARTS_PER_QUERY: Final = 1_000
EXAMPLES_MAX: Final = 20

LEDGERS: Final = """
SELECT ledger, position FROM ledgers
 WHERE %(tenants)s::text[] IS NULL OR tenant = ANY (%(tenants)s) ORDER BY ledger
"""
# A SKU's streams by their names, whatever the log's length; everything else by position.
OF_WINDOWS: Final = """
  FROM unnest(%(ledgers)s::text[], %(afters)s::bigint[], %(lasts)s::bigint[])
       AS part (ledger, after, last)
  JOIN events AS e ON e.ledger = part.ledger
   AND e.ledger_position > part.after AND e.ledger_position <= part.last
"""
OF_STREAMS: Final = f"""
{OF_WINDOWS}
  JOIN unnest(%(firsts)s::text[], %(ends)s::text[]) AS named (first, "end")
    ON e.stream >= named.first AND e.stream < named."end"
"""
COUNT: Final = """
WITH found AS MATERIALIZED (
     SELECT e.shard, e.ledger, e.stream, e.type, count(*) AS events
     {source}
      WHERE %(types)s::text[] IS NULL OR e.type = ANY (%(types)s)
      GROUP BY e.shard, e.ledger, e.stream, e.type
), streams AS (
     SELECT shard, ledger, stream, sum(events) AS events FROM found GROUP BY shard, ledger, stream
)
SELECT 'shard', shard::text, 0, 0 FROM streams GROUP BY shard
UNION ALL
SELECT 'type', type, sum(events), 0 FROM found GROUP BY type
UNION ALL
SELECT 'kind', split_part(stream, '-', 1), count(*), count(*) FILTER (WHERE events = 1)
  FROM streams GROUP BY 2
UNION ALL
SELECT 'key', ledger || ' ' || stream, 0, 0
  FROM (SELECT ledger, stream FROM streams ORDER BY 1, 2 LIMIT {examples}) AS first
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is left empty does not restrict. Instants: when events were recorded, `until` excluded.
    Positions: of each ledger, both included.
    """

    types: Collection[str] = ()
    tenants: Collection[str] = ()
    skus: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    first_position: int | None = None
    last_position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """`streams`: how many keys (stocks, items, orders …) have one of the events, some of them by
    name in `keys`; `rows`: read model -> rows, or fields of hashes, that these events fold into.
    Exact unless `estimated`; of documents at most so many.
    """

    shards: Sequence[int]
    events: int
    streams: int
    rows: Mapping[str, int]
    keys: Sequence[str]
    events_by_type: Mapping[str, int]
    estimated: bool


class _Part(NamedTuple):
    ledger: str
    after: int
    last: int


@dataclass(slots=True, kw_only=True)
class _Tally:
    """`once`: of the streams of a kind, those of which one event alone was seen."""

    shards: set[int] = field(default_factory=set)
    events: Counter[str] = field(default_factory=Counter)
    streams: Counter[str] = field(default_factory=Counter)
    once: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)

    def add(self, rows: Sequence[TupleRow]) -> None:
        for what, name, count, once in rows:
            match what:
                case "shard":
                    self.shards.add(int(name))
                case "type":
                    self.events[name] += int(count)
                case "kind":
                    self.streams[name] += int(count)
                    self.once[name] += int(once)
                case _:
                    self.keys.append(name)


def touched(pool: Pool, selection: Selection, projections: Collection[str]) -> Touched:
    """Raises `LogUnavailableError`."""
    tally = _Tally()
    with borrowed(pool) as connection:
        parts = _parts(connection, selection)
        # A SKU's events are few, and looked up.
        scale = 1.0 if selection.skus else max(1.0, _events(parts) / COUNTED_EVENTS_MAX)
        if scale > 1:
            parts = [window for part in parts for window in _windows(part, scale)]
        source = OF_STREAMS if selection.skus else OF_WINDOWS
        statement = COUNT.format(source=source, examples=EXAMPLES_MAX)
        for start in range(0, len(parts), PARTS_PER_QUERY):
            values = _values(selection, parts[start : start + PARTS_PER_QUERY])
            tally.add(connection.execute(statement.encode(), values).fetchall())
    events = {stored: round(count * scale) for stored, count in sorted(tally.events.items())}
    streams = {kind: _scaled(tally, kind, scale) for kind in sorted(tally.streams)}
    return Touched(
        shards=sorted(tally.shards),
        events=sum(events.values()),
        streams=sum(streams.values()),
        rows={name: _rows(name, events, streams) for name in projections},
        keys=sorted(tally.keys)[:EXAMPLES_MAX],
        events_by_type=events,
        estimated=scale > 1,
    )


def _parts(connection: Connection[TupleRow], selection: Selection) -> list[_Part]:
    """What is looked through of each ledger."""
    found = []
    values = {"tenants": sorted(selection.tenants) or None}
    for ledger, head in connection.execute(LEDGERS, values).fetchall():
        after, last = (
            (selection.first_position or 1) - 1,
            min(head, selection.last_position or head),
        )
        if selection.since is not None:
            after = max(after, position_before(connection, ledger, head, selection.since))
        if selection.until is not None:
            last = min(last, position_before(connection, ledger, head, selection.until))
        if last > after:
            found.append(_Part(ledger, after, last))
    return found


def _events(parts: Sequence[_Part]) -> int:
    return sum(part.last - part.after for part in parts)


def _windows(part: _Part, scale: float) -> list[_Part]:
    """Evenly spaced pieces of a part, which together hold one event in `scale`."""
    events = part.last - part.after
    size = round(events / scale / WINDOWS)
    if not size:
        return [_Part(part.ledger, part.after, part.after + max(1, round(events / scale)))]
    starts = [part.after + events * number // WINDOWS for number in range(WINDOWS)]
    return [_Part(part.ledger, start, start + size) for start in starts]


def _values(selection: Selection, parts: Sequence[_Part]) -> dict[str, Any]:
    named = [each for sku in selection.skus for each in ranges_of_sku(sku)]
    return {
        "ledgers": [part.ledger for part in parts],
        "afters": [part.after for part in parts],
        "lasts": [part.last for part in parts],
        "types": sorted(selection.types) or None,
        "firsts": [first for first, _ in named],
        "ends": [end for _, end in named],
    }


def _scaled(tally: _Tally, kind: str, scale: float) -> int:
    """How many streams there are, when one event in `scale` was seen: between those that were
    seen and as many times more (the estimator GEE: at most sqrt(scale) times off).
    """
    once = tally.once[kind]
    return tally.streams[kind] - once + round(once * sqrt(scale))


def _documents(kind: str, events: Mapping[str, int], streams: Mapping[str, int]) -> int:
    """At most: a kind is made from some of its streams' types, of which a stream may have many."""
    made_from = sum(count for stored, count in events.items() if _is_of(kind, stored))
    return min(streams.get(kind, 0), made_from)


def _is_of(kind: str, stored: str) -> bool:
    return stored in KIND_OF and KIND_OF[stored].name == kind


def _rows(projection: str, events: Mapping[str, int], streams: Mapping[str, int]) -> int:
    def of(*kinds: str) -> int:
        return sum(streams.get(kind, 0) for kind in kinds)

    match projection:
        case "orders":
            return of("order", "charge")
        case "documents":
            return sum(_documents(kind, events, streams) for kind in KINDS)
        case "availability":
            return of("stock", "item")
        case "movements":
            return sum(events.get(each, 0) for each in STOCK_TYPES) + of("item", "location")
        case _:
            return of("stock", "item", "location")
