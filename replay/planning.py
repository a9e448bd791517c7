"""A replay before it runs: what changed, what that touches, what it will take, how it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
from replay.measuring import Selection, Touched, sample, touched
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
    """`selection`: what is wrong, given by hand; empty when the code says it. `anyway`: build whole
    versions also when nothing has changed.
    """

    projections: Sequence[str]
    edition: str = CURRENT
    selection: Selection = field(default_factory=Selection)
    cores: int = 1
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
    """`touched` by what changed; `forecast` by projection, of building it whole."""

    request: Request
    targets: Sequence[PlannedTarget]
    strategy: Strategy
    why: str
    touched: Touched
    forecast: Mapping[str, Mapping[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """As the row of the replay keeps it."""
        selection = asdict(self.request.selection)
        return {
            "edition": self.request.edition,
            "selection": {
                name: str(value) if isinstance(value, datetime) else _plain(value)
                for name, value in selection.items()
                if value
            },
            "targets": [asdict(each) for each in self.targets],
            "strategy": self.strategy,
            "why": self.why,
            "touched": asdict(self.touched),
            "forecast": {name: dict(found) for name, found in self.forecast.items()},
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a selection holds
    return value if isinstance(value, int) else sorted(value)


def plan(pool: Pool, reader: LogReader, request: Request) -> Plan:
    """Reads only. Raises `PlanError`, `LogUnavailableError`."""
    wanted = _checked(request)
    heads = shard_positions(pool)
    if not any(heads.values()):
        raise EmptyStoreError
    with borrowed(pool) as connection:
        models = active(connection)
        known = dict(connection.execute(FINGERPRINTS, (list(request.projections),)).fetchall())
    targets = [_target(models[name], wanted, known.get(name, {})) for name in request.projections]
    by_hand = request.selection != Selection()
    is_same_code = all(each.changed_types == [] for each in targets)
    if is_same_code and not by_hand and not request.anyway:
        raise NothingChangedError(request.projections, request.edition)
    strategy, why = _strategy(request, targets, is_same_code=is_same_code)
    total = sum(heads.values())
    return Plan(
        request=request,
        targets=targets,
        strategy=strategy,
        why=why,
        touched=touched(pool, heads, _selection(request.selection, targets)),
        forecast={
            name: sample(reader, heads, name, wanted).forecast(total, request.cores)
            for name in request.projections
        },
    )


def _selection(given: Selection, targets: Sequence[PlannedTarget]) -> Selection:
    """The types that changed, unless others are given; none at all when that is unknown."""
    if given.types or any(each.changed_types is None for each in targets):
        return given
    return replace(given, types={one for each in targets for one in each.changed_types or ()})


def _strategy(
    request: Request, targets: Sequence[PlannedTarget], *, is_same_code: bool
) -> tuple[Strategy, str]:
    given = request.selection
    if not is_same_code:
        unknown = any(each.changed_types is None for each in targets)
        return "full", (
            "it is not known by which code the active version was folded, so every row may differ"
            if unknown
            else "other code folds these events, and rows of two meanings do not belong into one"
            " version: whole versions are built beside the active ones, compared, and can be gone"
            " back from"
        )
    if request.anyway:
        return "full", "whole versions were asked for"
    if len(given.skus) == 1 and not given.types:
        return "single key", (
            "the code is the same and one SKU is to be folded again: `backstock replay key`"
            " does it in the live version, in seconds"
        )
    return "slice", (
        "the code is the same and a part of the log is to be folded again: `backstock replay"
        " does it in the live version, key by key"
    )


def start(
    pool: Pool, planned: Plan, *, redis_prefix: str, new_id: Callable[[], UUID] = uuid7
) -> UUID:
    """Make the replay, and its versions with nothing in them, in one transaction.

    Raises `OverlappingReplayError`.
    """
    identity = store_identity(pool)
    replay_id = new_id()
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
