"""Differing cells, explained from the log: by the events that two editions read differently, or by
folding the key anew, which tells the version that had drifted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import groupby, islice
from typing import Any, Final

from eventlog.log import RecordedEvent
from eventlog.postgres.connections import Pool, borrowed
from eventlog.postgres.rows import SELECT_EVENTS, recorded_event
from eventlog.projection import PoisonEventError
from projections.catalogue import ReadModel
from projections.feedable import built_with
from projections.fingerprints import changed, fingerprints
from replay.diff.cells import MISSING, NO_EVENT, ROW, THERE, Apart, Cause, Cells, Finding, Pair
from replay.diff.evidence import Evidence, Weigher, changed_types, explains
from replay.diff.expectations import Expectation
from replay.diff.folds import FOLDS, Rules
from replay.diff.sides import Parked, Sides
from replay.diff.tally import Tally

BATCH_KEYS: Final = 500
EVENTS_PER_FETCH: Final = 5_000
# Keys that no event explains are folded anew; when that many have drifted, something else is wrong.
JUDGED_KEYS_MAX: Final = 500
READ_SECONDS_MAX: Final = 600

OF_STREAMS: Final = f"""
SELECT n, found.* FROM unnest(%(ns)s::int[], %(ledgers)s::text[], %(streams)s::text[],
                              %(positions)s::bigint[]) AS wanted (n, l, s, p)
 CROSS JOIN LATERAL (
    {SELECT_EVENTS} WHERE ledger = l AND stream = s AND shard_position <= p
       AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s::text[]))
     ORDER BY stream_version) AS found
"""  # noqa: S608 - put together from constants
OF_ROWS: Final = f"""
SELECT n, found.* FROM unnest(%(ns)s::int[], %(ledgers)s::text[], %(rows)s::bigint[])
       AS wanted (n, l, r)
 CROSS JOIN LATERAL (
    {SELECT_EVENTS} WHERE ledger = l AND ledger_position = r
       AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s::text[]))) AS found
"""  # noqa: S608 - put together from constants


class Explainer:
    """Explains the differences of one projection. Raises `LogUnavailableError`."""

    def __init__(self, pool: Pool, sides: Sides, expectations: Sequence[Expectation]) -> None:
        self._pool = pool
        self._sides = sides
        self._older: Rules = sides.edition(sides.older).rules
        self._newer: Rules = sides.edition(sides.newer).rules
        self._changed = sorted(changed_types(self._older, self._newer))
        self._expectations = expectations
        self._code = f"edition {sides.older.edition} → {sides.newer.edition}"
        self._judged = 0
        self._foreign = [self._is_foreign(model) for model in sides.both]

    def _is_foreign(self, model: ReadModel) -> bool:
        """Whether other code than this release's was folding it: what that makes of an event can
        not be told here.
        """
        with borrowed(self._pool) as connection:
            built = built_with(connection, model)
        return bool(changed(built, fingerprints(model.name, self._sides.edition(model))))

    def explain(self, pairs: Sequence[Pair], parked: Parked) -> Iterator[Finding]:
        """Each differing cell of `pairs`, all of one place, at most BATCH_KEYS of them."""
        assert len({pair.key.place for pair in pairs}) <= 1
        assert len(pairs) <= BATCH_KEYS
        flowing = []
        for pair in pairs:
            keeper = self._keeper(pair, parked)
            if keeper is None:
                flowing.append(pair)
            else:
                yield from self._unexplained(pair, keeper)
        weighed = self._weigh(flowing, parked)
        for number, pair in enumerate(flowing):
            yield from self._explain(pair, weighed.get(number, {}), parked)

    def explain_apart(self, apart: Apart, parked: Parked) -> Iterator[Finding]:
        """The cells of a key that was never met at one position: each version is held against the
        log where it stands itself, and what the two editions make of it is compared.
        """
        low = min(apart.positions)
        pair = Pair(key=apart.key, position=low, older=apart.older, newer=apart.newer)
        keeper = self._keeper(pair, parked)
        right = keeper or self._fold_apart(apart, parked)
        if isinstance(right, str):
            yield self._finding(pair, ROW, None, None, right)
            return
        faulty = False
        for number, cells in enumerate((apart.older, apart.newer)):
            for name, value, due in _wrong(cells, right[number]):
                faulty = True
                shown = (due, value) if number else (value, due)
                yield self._finding(pair, name, *shown, self._drifted(number))
        if not faulty:
            same = replace(pair, older=_plain(right[2]), newer=_plain(right[3]))
            yield from self.explain([same], parked)

    def _keeper(self, pair: Pair, parked: Parked) -> str | None:
        """Which version keeps back events of the pair that the other has folded."""
        older, newer = parked.get((pair.key.ledger, pair.key.stream), (None, None))
        row = _row_position(pair)
        if older == newer or (
            row is not None and all(row < (at or row + 1) for at in (older, newer))
        ):
            return None
        sides = zip(self._sides.both, (older, newer), strict=True)
        told = [f"v{model.version} from position {at} on" for model, at in sides if at is not None]
        return f"stream parked in {' and '.join(told)}"

    def _weigh(self, pairs: Sequence[Pair], parked: Parked) -> dict[int, dict[str, Evidence]]:
        found: dict[int, dict[str, Evidence]] = {}
        if not pairs or not self._changed:
            return found
        fold = FOLDS[self._sides.name, pairs[0].key.place]
        if fold.moved is None:
            return found
        weigher = Weigher(
            projection=self._sides.name,
            fold=fold,
            older=self._older,
            newer=self._newer,
            expectations=self._expectations,
        )
        differing = [[name for name, _, _ in pair.differing()] for pair in pairs]
        for number, event in self._events(pairs, self._changed):
            if _is_kept_back(event, parked):
                continue
            try:
                weigher.add(found.setdefault(number, {}), differing[number], event)
            except PoisonEventError:
                # Neither version can have folded it: the fold of the whole key says the rest.
                continue
        return found

    def _explain(
        self, pair: Pair, evidence: dict[str, Evidence], parked: Parked
    ) -> Iterator[Finding]:
        right: tuple[Cells | None, Cells | None] | str | None = None
        for name, older, newer in pair.differing():
            found = evidence.get(name)
            if name != ROW and explains(found, older, newer):
                assert found is not None
                yield self._by_events(pair, name, older, newer, found)
                continue
            if right is None:
                right = self._fold(pair, parked)
            if isinstance(right, str):
                yield self._finding(pair, name, older, newer, right)
                continue
            faults = [
                self._drifted(number)
                for number, (value, cells) in enumerate(zip((older, newer), right, strict=True))
                if not _is_right(value, name, cells)
            ]
            if not faults and found is not None:
                yield self._by_events(pair, name, older, newer, found)
            else:
                code = " and ".join(faults) or "each agrees with the log by its own edition"
                yield self._finding(pair, name, older, newer, code)

    def _drifted(self, number: int) -> str:
        which, model = ("older", "newer")[number], self._sides.both[number]
        if self._foreign[number]:
            return f"the {which} version (v{model.version}) was folded by code of another release"
        return f"the {which} version (v{model.version}) had drifted from the log"

    def _fold_apart(self, apart: Apart, parked: Parked) -> Sequence[Cells | None] | str:
        """Under each edition: the cells where its version stands, then those at the lower place."""
        low = min(apart.positions)
        found: list[Cells | None] = []
        for place in (apart.positions, (low, low)):
            for number, position in enumerate(place):
                pair = Pair(key=apart.key, position=position, older=None, newer=None)
                cells = self._fold(pair, parked)
                if isinstance(cells, str):
                    return cells
                found.append(cells[number])
        return found

    def _fold(self, pair: Pair, parked: Parked) -> tuple[Cells | None, Cells | None] | str:
        """What the key's cells should be under each edition, or why that cannot be said."""
        if self._judged >= JUDGED_KEYS_MAX:
            return f"not looked into: more than {JUDGED_KEYS_MAX} keys differ without an event"
        self._judged += 1
        fold = FOLDS[self._sides.name, pair.key.place].whole

        def events() -> Iterator[RecordedEvent]:
            with closing(self._events([pair], None)) as numbered:
                for _, event in numbered:
                    if not _is_kept_back(event, parked):
                        yield event

        try:
            older = fold(events(), self._older)
            return older, older if self._older is self._newer else fold(events(), self._newer)
        except PoisonEventError as error:
            return f"event {error.event.ledger_position} of {pair.key.stream} cannot be read"

    def _events(
        self, pairs: Sequence[Pair], types: Sequence[str] | None
    ) -> Generator[tuple[int, RecordedEvent], None, None]:
        """The pairs' events up to where they were compared, in order within a pair."""
        values: dict[str, Any] = {
            "ns": list(range(len(pairs))),
            "ledgers": [pair.key.ledger for pair in pairs],
            "types": types,
        }
        if _row_position(pairs[0]) is None:
            statement = OF_STREAMS
            values["streams"] = [pair.key.stream for pair in pairs]
            values["positions"] = [pair.position for pair in pairs]
        else:
            statement = OF_ROWS
            values["rows"] = [_row_position(pair) for pair in pairs]
        with borrowed(self._pool) as connection, connection.transaction():
            connection.execute(f"SET LOCAL statement_timeout TO '{READ_SECONDS_MAX}s'")
            with connection.cursor("explaining", binary=True) as cursor:
                cursor.itersize = EVENTS_PER_FETCH
                for row in cursor.execute(statement, values):
                    yield row[0], recorded_event(row[1:])

    def _unexplained(self, pair: Pair, code: str) -> Iterator[Finding]:
        for name, older, newer in pair.differing():
            yield self._finding(pair, name, older, newer, code)

    def _by_events(
        self, pair: Pair, name: str, older: object, newer: object, found: Evidence
    ) -> Finding:
        return Finding(
            key=pair.key,
            field=name,
            older=older,
            newer=newer,
            cause=Cause(type=found.type, field=name, code=self._code),
            expected=found.uncovered == 0,
            events=found.events,
            examples=tuple(found.examples),
            rules=frozenset(found.rules),
        )

    @staticmethod
    def _finding(pair: Pair, name: str, older: object, newer: object, code: str) -> Finding:
        cause = Cause(type=NO_EVENT, field=name, code=code)
        return Finding(key=pair.key, field=name, older=older, newer=newer, cause=cause)


def explain_apart(
    explainer: Explainer, tally: Tally, keys: Iterable[Apart], parked: Parked
) -> None:
    """Explain keys that were never met at one position, and tell the tally."""
    for each in keys:
        for finding in explainer.explain_apart(each, parked):
            tally.add(finding)


def explain_all(explainer: Explainer, tally: Tally, pairs: Iterable[Pair], parked: Parked) -> None:
    """Explain pairs of any places, and tell the tally, in batches."""
    left = iter(pairs)
    while batch := list(islice(left, BATCH_KEYS)):
        batch.sort(key=lambda pair: pair.key.place)
        for _, some in groupby(batch, key=lambda pair: pair.key.place):
            for finding in explainer.explain(list(some), parked):
                tally.add(finding)


def _row_position(pair: Pair) -> int | None:
    """Of a key that is one event's own row."""
    name, value = pair.key.names[0]
    return int(value) if name == "position" else None


def _wrong(cells: Cells | None, right: Cells | None) -> Iterator[tuple[str, object, object]]:
    """(field, what is there, what should be) of the cells that are not as the log has it."""
    if cells is None or right is None:
        if cells is not right:
            yield ROW, MISSING if cells is None else THERE, MISSING if right is None else THERE
        return
    for name, value in cells.items():
        if not _is_right(value, name, right):
            yield name, value, _shown(right.get(name))


def _plain(cells: Cells | None) -> Cells | None:
    """As JSON knows it."""
    return None if cells is None else {name: _shown(value) for name, value in cells.items()}


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _is_kept_back(event: RecordedEvent, parked: Parked) -> bool:
    """Whether neither version has folded it."""
    since = parked.get((event.ledger, event.stream), (None, None))
    return all(at is not None and event.ledger_position >= at for at in since)


def _is_right(value: object, name: str, cells: Cells | None) -> bool:
    if name == ROW:
        return value == (MISSING if cells is None else THERE)
    if cells is None:
        return value is None
    right = cells.get(name)
    if isinstance(right, datetime):
        return isinstance(value, str) and datetime.fromisoformat(value) == right
    return value == (list(right) if isinstance(right, tuple) else right)
