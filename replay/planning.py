"""A replay before it runs: what changed, what that touches, what it will take, how it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from uuid_utils.compat import uuid7

from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from eventlog.postgres.identity import store_identity
from eventlog.postgres.positions import shard_positions
from projections.catalogue import STORES, ReadModel, active
from projections.editions import CURRENT, EDITIONS, Edition
from projections.fingerprints import changed, fingerprints
from projections.versions import create_version
from replay.records import Target, enter

Strategy = Literal["single key", "slice", "full"]
FINGERPRINTS: Final = (
    "SELECT projection, fingerprints FROM projections WHERE state = 'active'"
    " AND projection = ANY (%s)"
)


class PlanError(Exception):
    """Nothing was planned, and nothing was changed; the message names what to do instead."""


class UnknownProjectionError(PlanError):
    def __init__(self, projection: str) -> None:
        super().__init__(f"there is no projection {projection!r}: {', '.join(STORES)}")
        self.projection = projection


class UnknownEditionPlannedError(PlanError):
    def __init__(self, edition: str) -> None:
        super().__init__(f"there is no edition {edition!r}: {', '.join(EDITIONS)}")
        self.edition = edition


class EmptyStoreError(PlanError):
    def __init__(self) -> None:
        super().__init__("the log holds no event: there is nothing to replay")


class NothingChangedError(PlanError):
    """The active versions were folded by this very code."""

    def __init__(self, projections: Sequence[str], edition: str) -> None:
        super().__init__(
            f"{', '.join(projections)}: edition {edition!r} folds every event type as the active"
            " version did, so a replay would build the same again; `--anyway` does it all the same"
        )
        self.projections = projections
        self.edition = edition


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. What is left empty does not restrict; `types` are stored type names,
    positions are of ledgers, `since` and `until` (exclusive) of `occurred_at`.
    """

    projections: Sequence[str]
    edition: str = CURRENT
    types: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    first_position: int | None = None
    last_position: int | None = None
    anyway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTarget:
    """`changed_types`: stored types that the new version folds by other code, or None: unknown, so
    all of them.
    """

    projection: str
    store: str
    from_version: int
    from_edition: str
    edition: str
    changed_types: Sequence[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    request: Request
    targets: Sequence[PlannedTarget]
    strategy: Strategy
    why: str
    forecast: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As the row of the replay keeps it."""
        return {
            "edition": self.request.edition,
            "targets": [
                {
                    "projection": each.projection,
                    "store": each.store,
                    "from_version": each.from_version,
                    "from_edition": each.from_edition,
                    "edition": each.edition,
                    "changed_types": each.changed_types and list(each.changed_types),
                }
                for each in self.targets
            ],
            "strategy": self.strategy,
            "why": self.why,
            "forecast": dict(self.forecast),
        }


def plan(pool: Pool, reader: LogReader, request: Request) -> Plan:  # noqa: ARG001
    """Reads only. Raises `PlanError`, `LogUnavailableError`."""
    wanted = _checked(request)
    if not any(shard_positions(pool).values()):
        raise EmptyStoreError
    with borrowed(pool) as connection:
        models = active(connection)
        known = dict(connection.execute(FINGERPRINTS, (list(request.projections),)).fetchall())
    targets = [_target(models[name], wanted, known.get(name, {})) for name in request.projections]
    if not request.anyway and all(each.changed_types == [] for each in targets):
        raise NothingChangedError(request.projections, request.edition)
    return Plan(request=request, targets=targets, strategy="full", why="")


def start(pool: Pool, planned: Plan, *, redis_prefix: str) -> UUID:
    """Make the replay, and its versions with nothing in them, in one transaction.

    Raises `OverlappingReplayError`.
    """
    identity = store_identity(pool)
    replay_id = UUID(bytes=uuid7().bytes)
    with pool.connection() as connection, connection.transaction():
        targets = [
            Target(
                projection=each.projection,
                from_version=each.from_version,
                to_version=_created(
                    connection,
                    each,
                    replay_id,
                    redis_prefix=redis_prefix,
                    epoch=identity.epoch,
                    shards=identity.shards,
                ).version,
            )
            for each in planned.targets
        ]
        enter(connection, replay_id, planned.as_dict(), targets)
    return replay_id


def _created(
    connection: Connection[TupleRow],
    planned: PlannedTarget,
    replay_id: UUID,
    *,
    redis_prefix: str,
    epoch: int,
    shards: int,
) -> ReadModel:
    return create_version(
        connection,
        planned.projection,
        edition=EDITIONS[planned.edition],
        epoch=epoch,
        shards=shards,
        redis_prefix=redis_prefix,
        replay_id=replay_id,
    )


def _checked(request: Request) -> Edition:
    for name in request.projections:
        if name not in STORES:
            raise UnknownProjectionError(name)
    found = EDITIONS.get(request.edition)
    if found is None:
        raise UnknownEditionPlannedError(request.edition)
    return found


def _target(model: ReadModel, wanted: Edition, known: Mapping[str, str]) -> PlannedTarget:
    after = fingerprints(model.name, wanted)
    return PlannedTarget(
        projection=model.name,
        store=model.store,
        from_version=model.version,
        from_edition=model.edition,
        edition=wanted.name,
        changed_types=sorted(changed(known, after)) if known else None,
    )
