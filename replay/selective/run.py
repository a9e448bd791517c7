"""Selective replay: keys of the active read models, folded anew and put right in every store.

Each store is corrected on its own, all selected keys of a shard at once: a ledger is of one shard,
so that no answer about one is half corrected. What dies in between is done by running it again:
that changes what is still wrong, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import redis
from clickhouse_connect.driver.client import Client

from domain.streams import item_stream
from eventlog.log import LogReader, RecordedEvent
from eventlog.postgres.connections import Pool, borrowed
from eventlog.projection import PoisonEventError
from projections.catalogue import STORES, ReadModel, active
from replay.selective.in_clickhouse import ClickHouseKeys
from replay.selective.in_postgres import ParkedMeanwhileError, PostgresKeys, parked_streams
from replay.selective.in_redis import RedisKeys
from replay.selective.live import check_code, check_standing
from replay.selective.outcome import Outcome
from replay.selective.row_folds import DocumentsFold, OrdersFold, StockLevelsFold
from replay.selective.selection import Observe, Selection, SelectionError, StreamKey, selected
from replay.selective.unfoldable import unfoldable

ATTEMPTS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a selective replay is run with. `pool` is the log role's, of three connections."""

    pool: Pool
    reader: LogReader
    redis: redis.Redis
    clickhouse: Client
    store_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveReplay:
    """What was done, read model by read model. `events`: of all streams that were selected."""

    streams: int
    events: int
    outcomes: Sequence[Outcome]

    @property
    def complete(self) -> bool:
        """Whether every selected key could be folded, and no other one was touched."""
        return all(not each.refused and each.others_equal for each in self.outcomes)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "streams": self.streams,
            "events": self.events,
            "changed_keys": sum(each.changed_keys for each in self.outcomes),
            "complete": self.complete,
            "projections": {each.projection: each.as_dict() for each in self.outcomes},
        }


class Keys(Protocol):
    """The keys of one read model in its store."""

    technique: str
    atomic: str
    handles: frozenset[str]

    def units(self, streams: Sequence[StreamKey]) -> Iterator[list[StreamKey]]:
        """What is replaced by one call each, all of it of one shard."""

    def concerned(self, streams: Sequence[StreamKey]) -> list[StreamKey]:
        """Those of the streams that fold into keys here."""

    def strays(self, ledger: str, sku: str, shard: int) -> set[str]:
        """The stock streams that the store shows of a SKU, whether the log has them or not."""

    def fold_apart(self, events: Iterable[RecordedEvent]) -> None:
        """Fold one stream for nothing. Raises `PoisonEventError`."""

    def whole(
        self, streams: Sequence[StreamKey], outcome: Outcome, *, dry_run: bool
    ) -> AbstractContextManager[None]:
        """Around all units: what has to be known before them, and proven or shown after them."""

    def replace(
        self, shard: int, streams: Sequence[StreamKey], outcome: Outcome, *, dry_run: bool
    ) -> None:
        """Put one unit right, or raise and change nothing of it."""


def replay_keys(
    around: Surroundings,
    selection: Selection,
    *,
    projections: Collection[str] = (),
    dry_run: bool = False,
    observe: Observe = lambda *_: None,
) -> SelectiveReplay:
    """Correct the selected keys in these active read models (none named: in all).

    A stream that is parked, or that cannot be folded, is let be and named in its outcome. Refused
    while a replay of one of them is open, and when its code here is not that which built it.

    Raises `SelectionError`, `TooManyStreamsError`, `OtherCodeError`, `ReplayOpenError`,
    `NotActiveError`, `KeysBusyError`, `OthersChangedError`, `UnknownEditionError`,
    `EpochMismatchError`, `LogUnavailableError`, `StoreUnavailableError`.
    """
    if unknown := {*projections} - STORES.keys():
        raise SelectionError(f"no projection {min(unknown)!r}; there are {', '.join(STORES)}")
    with borrowed(around.pool) as connection:
        found = active(connection)
        models = [
            found[name]
            for name in STORES
            if name in found and (name in projections or not projections)
        ]
        for model in models:
            check_code(connection, model)
            if not dry_run:
                check_standing(connection, model)
        streams = selected(connection, selection, observe)
    outcomes = [
        _correct(around, model, selection, streams, dry_run=dry_run, observe=observe)
        for model in models
    ]
    events = sum(key.events for key in streams)
    if not events and not any(each.changed_keys for each in outcomes):
        raise SelectionError("no event of the log and no key of a read model is selected")
    return SelectiveReplay(
        streams=sum(key.events > 0 for key in streams), events=events, outcomes=outcomes
    )


def _correct(
    around: Surroundings,
    model: ReadModel,
    selection: Selection,
    streams: Sequence[StreamKey],
    *,
    dry_run: bool,
    observe: Observe,
) -> Outcome:
    keys = _keys_of(around, model)
    outcome = Outcome(
        projection=model.name,
        version=model.version,
        edition=model.edition,
        store=model.store,
        technique=keys.technique,
        atomic=keys.atomic,
    )
    concerned = keys.concerned(_with_strays(keys, selection, streams))
    done = 0
    with keys.whole(concerned, outcome, dry_run=dry_run):
        for unit in keys.units(concerned):
            _replace(around, keys, unit, outcome, dry_run=dry_run)
            done += len(unit)
            observe(model.name, done, len(concerned))
    return outcome


def _keys_of(around: Surroundings, model: ReadModel) -> Keys:
    pool, reader, epoch = around.pool, around.reader, around.epoch
    match model.name:
        case "stock_levels":
            return PostgresKeys(pool, reader, model, lambda: StockLevelsFold(model), epoch=epoch)
        case "orders":
            return PostgresKeys(pool, reader, model, lambda: OrdersFold(model), epoch=epoch)
        case "documents":
            return PostgresKeys(pool, reader, model, lambda: DocumentsFold(model), epoch=epoch)
        case "movements":
            return ClickHouseKeys(around.clickhouse, pool, reader, model, epoch=epoch)
        case _:
            store_id = around.store_id
            return RedisKeys(around.redis, pool, reader, model, store_id=store_id, epoch=epoch)


def _with_strays(keys: Keys, selection: Selection, streams: Sequence[StreamKey]) -> list[StreamKey]:
    """And the stocks of a named SKU that the store shows and the log does not have."""
    found = list(streams)
    sku = selection.sku
    if sku is None or selection.narrows or selection.location is not None:
        return found
    known = {(key.ledger, key.stream) for key in streams}
    for key in streams:
        if key.stream == item_stream(sku):
            strays = keys.strays(key.ledger, sku, key.shard)
            found += [
                StreamKey(key.ledger, stray, key.shard, 0)
                for stray in sorted(strays)
                if (key.ledger, stray) not in known
            ]
    return found


def _replace(
    around: Surroundings,
    keys: Keys,
    unit: Sequence[StreamKey],
    outcome: Outcome,
    *,
    dry_run: bool,
) -> None:
    """A unit without what is parked or cannot be folded."""
    left, bad = list(unit), dict[StreamKey, str]()
    for _ in range(ATTEMPTS_MAX):
        with borrowed(around.pool) as connection:
            parked = parked_streams(connection, outcome.projection, outcome.version)
        outcome.parked += [key for key in left if (key.ledger, key.stream) in parked]
        left = [key for key in left if (key.ledger, key.stream) not in parked]
        if not left:
            return
        try:
            keys.replace(left[0].shard, left, outcome, dry_run=dry_run)
        except ParkedMeanwhileError:
            continue
        except PoisonEventError as poison:
            bad |= unfoldable(
                around.reader,
                left,
                keys.fold_apart,
                handles=keys.handles,
                count_max=ATTEMPTS_MAX - len(bad),
            )
            at = (poison.event.ledger, poison.event.stream)
            bad[next(key for key in left if (key.ledger, key.stream) == at)] = str(poison)
            outcome.refused.update(bad)
            if len(bad) >= ATTEMPTS_MAX:
                break
            left = [key for key in left if key not in bad]
        else:
            outcome.writes += not dry_run
            return
    reason = next(iter(outcome.refused.values()), "others are parked all the time")
    raise SelectionError(
        f"{outcome.projection}: {ATTEMPTS_MAX} streams of one shard cannot be folded: {reason};"
        " nothing of it was changed"
    )
