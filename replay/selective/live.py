"""Whether a version may be changed where it stands: it answers, no replay of it is under way, and
the code that folds it here is the code that built it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from eventlog.outages import postgres_outages
from eventlog.postgres.connections import Pool
from projections.catalogue import ReadModel
from projections.editions import UnknownEditionError, edition
from projections.feedable import built_with
from projections.fingerprints import changed, fingerprints
from projections.postgres import BOUNDED
from replay.selective.outcome import KeysBusyError
from replay.selective.selection import SelectiveError

STANDING: Final = """
SELECT p.state, t.replay_id, r.state
  FROM projections AS p
  LEFT JOIN replay_targets AS t ON t.projection = p.projection AND t.is_open
  LEFT JOIN replays AS r ON r.replay_id = t.replay_id
 WHERE p.projection = %s AND p.version = %s
"""

HOLD: Final = """
SELECT FROM projection_checkpoints WHERE projection = %s AND version = %s AND shard = ANY (%s)
 ORDER BY shard FOR UPDATE
"""


class OtherCodeError(SelectiveError):
    """The fold here is not the one that built the version: it would mix two meanings."""

    def __init__(self, projection: str, version: int, types: Collection[str]) -> None:
        super().__init__(
            f"{projection} v{version} was built with other code for {', '.join(sorted(types))};"
            f" nothing was changed: `backstock replay plan {projection}` builds it anew, or, when"
            f" the code means what it did, `backstock replay adopt {projection}`"
        )
        self.projection = projection
        self.version = version
        self.types = frozenset(types)


class ReplayOpenError(SelectiveError):
    """Another version of the projection is beside it, and would bring the wrong cells back."""

    def __init__(self, projection: str, replay_id: UUID, state: str) -> None:
        super().__init__(
            f"replay {replay_id} of {projection} is open ({state}): its other version would not be"
            " corrected, so cancel or retire it first; nothing more was changed"
        )
        self.projection = projection
        self.replay_id = replay_id
        self.state = state


class NotActiveError(SelectiveError):
    """The version answers no more: it was switched while its keys were folded."""

    def __init__(self, projection: str, version: int, state: str) -> None:
        super().__init__(
            f"{projection} v{version} is {state} now and answers nobody; nothing more was changed,"
            " run it again"
        )
        self.projection = projection
        self.version = version
        self.state = state


def check_code(connection: Connection[Any], model: ReadModel) -> None:
    """Raises `OtherCodeError`, `UnknownEditionError`."""
    built = built_with(connection, model)
    # Nothing is known of what was entered before there were editions.
    types = changed(built, fingerprints(model.name, edition(model.edition))) if built else ()
    if types:
        raise OtherCodeError(model.name, model.version, types)


def check_standing(connection: Connection[Any], model: ReadModel) -> None:
    """Raises `NotActiveError`, `ReplayOpenError`."""
    state, replay_id, replay_state = connection.execute(
        STANDING, (model.name, model.version)
    ).fetchall()[0]
    if state != "active":
        raise NotActiveError(model.name, model.version, state)
    if replay_id is not None:
        raise ReplayOpenError(model.name, replay_id, replay_state)


@contextmanager
def held(
    pool: Pool, model: ReadModel, shards: Collection[int], *, dry_run: bool
) -> Iterator[Connection[TupleRow]]:
    """A transaction in which projectors of these shards wait, and a cut-over of the projection.

    Raises `KeysBusyError`, and but for a dry run `NotActiveError`, `ReplayOpenError`;
    `StoreUnavailableError` for an outage in it.
    """
    with postgres_outages(), pool.connection() as connection, connection.transaction():
        connection.execute(BOUNDED)
        try:
            connection.execute(HOLD, (model.name, model.version, sorted(shards)))
        except psycopg.errors.LockNotAvailable as error:
            why = "another transaction keeps its checkpoint locked"
            raise KeysBusyError(model.name, min(shards), why) from error
        if not dry_run:
            check_standing(connection, model)
        yield connection


def other_code(connection: Connection[Any], model: ReadModel) -> str | None:
    """Why this process must not fold it, in words."""
    try:
        check_code(connection, model)
    except (OtherCodeError, UnknownEditionError) as error:
        return str(error)
    return None
