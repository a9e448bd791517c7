"""The comparison of a replay's versions with those that answer today; its result in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, Protocol
from uuid import UUID

import redis
from clickhouse_connect.driver.client import Client
from psycopg import Connection

from eventlog.crash_points import crash_point
from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from eventlog.postgres.positions import shard_positions
from projections.catalogue import versions
from replay import records
from replay.diff.availability import AvailabilityComparison
from replay.diff.cells import Finding
from replay.diff.expectations import Expectation
from replay.diff.explaining import Explainer
from replay.diff.movements import MovementsComparison
from replay.diff.postgres import PostgresComparison
from replay.diff.sides import Sides, Sleep
from replay.diff.tally import Tally
from replay.gate import difference_of
from replay.history import History, check_history, faults_of_history
from replay.records import Replay, ReplayStateError, State


class Comparison(Protocol):
    """Of one read model, in the store it is kept in."""

    def compare(self) -> None:
        """Fill the tally it was made with."""


COMPARISONS: Final[Mapping[str, Callable[..., Comparison]]] = {
    "postgres": PostgresComparison,
    "redis": AvailabilityComparison,
    "clickhouse": MovementsComparison,
}
COMPARED: Final[Sequence[State]] = ("following", "diffed", "rolled_back")
NOW: Final = "SELECT clock_timestamp(), epoch FROM store_identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`done` of `total` read models are compared; `projection` is next."""

    projection: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`document` is what `replays.diff` holds; `sha256` names it, for whoever accepts it."""

    replay_id: UUID
    document: Mapping[str, Any]
    sha256: str

    @property
    def surprises(self) -> int:
        return int(self.document["surprises"])

    @property
    def faults(self) -> Sequence[str]:
        """Of the log that both versions were folded from: with any of them nothing is promoted."""
        return faults_of_history(self.document["history"])


def sides_of(
    connection: Connection[Any],
    replay: Replay,
    *,
    redis: redis.Redis | None = None,
    clickhouse: Client | None = None,
) -> dict[str, Sides]:
    """The two versions of each projection of a replay, as the catalogue has them."""
    found = {}
    for target in replay.targets:
        known = versions(connection, target.projection)
        found[target.projection] = Sides(
            older=known[target.from_version],
            newer=known[target.to_version],
            redis=redis,
            clickhouse=clickhouse,
        )
    return found


def compare(  # noqa: PLR0913 - who watches is told by callbacks, none of which has to be there
    pool: Pool,
    reader: LogReader,
    replay: Replay,
    sides: Mapping[str, Sides],
    *,
    rules: Sequence[Expectation] = (),
    observe: Callable[[Progress], None] = lambda _: None,
    each: Callable[[Finding], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
    sleep: Sleep = time.sleep,
) -> Difference:
    """Compare every read model of a replay, store what was found, and call the replay diffed; one
    that was rolled back stays so.

    The log is checked against its hash chain, as far as it had come when all were compared.
    `each` is told of every differing cell. `check` is asked between pages and may raise, as
    `Holding.check` does, so that a cancelled comparison lets go.

    Raises `ReplayStateError`, `VersionsApartError`, `UnknownEditionError`, `LogUnavailableError`,
    `StoreUnavailableError`; nothing is stored then.
    """
    if replay.state not in COMPARED:
        raise ReplayStateError(replay.replay_id, replay.state, COMPARED)
    tallies = {}
    with borrowed(pool) as connection:
        ((begun, epoch),) = connection.execute(NOW).fetchall()
    for done, (name, pair) in enumerate(sorted(sides.items())):
        check()
        observe(Progress(projection=name, done=done, total=len(sides)))
        tallies[name] = tally = Tally(pair, each)
        explainer = Explainer(pool, pair, rules)
        made = COMPARISONS[pair.older.store]
        made(pool, reader, pair, explainer, tally, sleep=sleep, check=check).compare()
        crash_point("diff.compared")
    history = check_history(pool, shard_positions(pool), check=check)
    crash_point("diff.known")
    document = {
        "compared_at": begun.astimezone(UTC).isoformat(),
        "epoch": epoch,
        **_document(tallies, rules, history),
    }
    with borrowed(pool) as connection, connection.transaction():
        # Its versions are wanted as they are: no longer following, but kept.
        to: State = "rolled_back" if replay.state == "rolled_back" else "diffed"
        wanted: Sequence[State] = (
            ["rolled_back"] if to == "rolled_back" else ["following", "diffed"]
        )
        records.move(connection, replay.replay_id, wanted=wanted, to=to)
        records.note(connection, replay.replay_id, diff=document)
        # As it is read back: PostgreSQL has its own way to write numbers.
        digest = difference_of(records.replay(connection, replay.replay_id))
    return Difference(replay_id=replay.replay_id, document=document, sha256=digest)


def _document(
    tallies: Mapping[str, Tally], rules: Sequence[Expectation], history: History
) -> dict[str, Any]:
    return {
        "at": {name: tally.at() for name, tally in tallies.items()},
        "projections": {name: tally.as_dict() for name, tally in tallies.items()},
        "surprises": sum(tally.surprises for tally in tallies.values()),
        "history": history.as_dict(),
        "rules": [
            {"text": rule.text, "cells": sum(tally.covered[number] for tally in tallies.values())}
            for number, rule in enumerate(rules)
        ],
    }
