"""A replay before it runs: what changed, what that touches, what it will take, how it is done."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import islice, product
from typing import Any, Final, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from uuid_utils.compat import uuid7

from eventlog.codec import EVENT_TYPES, KNOWN_TYPES
from eventlog.log import LogReader
from eventlog.postgres.connections import Pool, borrowed
from eventlog.postgres.identity import store_identity
from eventlog.postgres.positions import shard_positions
from projections.catalogue import STORES, ReadModel, active
from projections.editions import CURRENT, EDITIONS, Edition
from projections.fingerprints import changed, fingerprints
from projections.versions import create_version
from replay.measuring import Sample, keys_held, last_built, sample
from replay.records import Target, enter
from replay.selective.selection import STREAMS_MAX
from replay.touching import Selection, Touched, touched

Strategy = Literal["single key", "slice", "full"]
# One for each SKU, tenant and type together: more of them take longer than whole versions do.
COMMANDS_MAX: Final = 50
RUN: Final = "backstock replay run"
UNKNOWN_CODE: Final = (
    "it is not known by which code the active version was folded, so every row may differ"
)
OTHER_CODE: Final = (
    "other code folds these events, and rows of two meanings do not belong into one version: whole"
    " versions are built beside the active ones, compared, and can be gone back from"
)
ONE_KEY: Final = (
    "the code is the same and one SKU is to be folded again: it is done in the live version, in"
    " seconds"
)
A_SLICE: Final = (
    "the code is the same and a part of the log is to be folded again: it is done in the live"
    " version, key by key"
)
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


class UnknownTypeError(PlanError):
    def __init__(self, type_name: str) -> None:
        known = ", ".join(sorted(EVENT_TYPES))
        super().__init__(f"there is no event type {type_name!r}: {known}")
        self.type = type_name


class PlantedEditionError(PlanError):
    def __init__(self, edition: str) -> None:
        super().__init__(
            f"edition {edition!r} is a mistake that is kept for drills: its figures are wrong;"
            " `--planted` builds it all the same"
        )
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
    """`projections`: none are those that other code folds. `selection`: what is wrong, given by
    hand; empty when the code says it. `anyway`: build whole versions also when nothing has changed.
    `planted`: an edition may be one that is known to be wrong.
    """

    projections: Sequence[str] = ()
    edition: str = CURRENT
    selection: Selection = field(default_factory=Selection)
    cores: int = 1
    anyway: bool = False
    planted: bool = False


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
    """`touched` by what changed; `forecast` by projection, of building it whole. `left_out`: read
    models that the edition folds as the active version was. `commands` carry the plan out.
    """

    request: Request
    targets: Sequence[PlannedTarget]
    left_out: Sequence[str]
    commands: Sequence[str]
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
            "left_out": list(self.left_out),
            "commands": list(self.commands),
            "strategy": self.strategy,
            "why": self.why,
            "touched": asdict(self.touched),
            "forecast": {name: dict(found) for name, found in self.forecast.items()},
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a selection holds
    return value if isinstance(value, int) else sorted(value)


def plan(
    pool: Pool, reader: LogReader, request: Request, *, measure: Callable[..., Sample] = sample
) -> Plan:
    """Reads only. `measure` is `sample`, or does it elsewhere: it is seconds of work.

    Raises `PlanError`, `LogUnavailableError`.
    """
    wanted = _checked(request)
    heads = shard_positions(pool)
    total = sum(heads.values())
    if not total:
        raise EmptyStoreError
    asked = list(request.projections) or list(STORES)
    with borrowed(pool) as connection:
        models = active(connection)
        known = dict(connection.execute(FINGERPRINTS, (asked,)).fetchall())
        held = keys_held(connection, models)
    targets = [_target(models[name], wanted, known.get(name, {})) for name in asked]
    is_by_hand = any(asdict(request.selection).values())
    if all(each.changed_types == [] for each in targets) and not (is_by_hand or request.anyway):
        raise NothingChangedError(asked, request.edition)
    left_out: list[str] = []
    if not (request.projections or is_by_hand or request.anyway):
        left_out = [each.projection for each in targets if each.changed_types == []]
        targets = [each for each in targets if each.changed_types != []]
    names = [each.projection for each in targets]
    found = touched(pool, _selection(request.selection, targets), names)
    strategy, why, commands = _strategy(request, targets, found)
    with borrowed(pool) as connection:
        built = last_built(connection, names, total)
    return Plan(
        request=request,
        targets=targets,
        left_out=left_out,
        commands=commands,
        strategy=strategy,
        why=why,
        touched=found,
        forecast={
            name: measure(reader, heads, name, wanted).forecast(
                total, request.cores, keys=held.get(name, 0), built=built
            )
            for name in names
        },
    )


def _selection(given: Selection, targets: Sequence[PlannedTarget]) -> Selection:
    """The types that changed, unless others are given; none at all when that is unknown."""
    if given.types or any(each.changed_types is None for each in targets):
        return given
    return replace(given, types={one for each in targets for one in each.changed_types or ()})


def _strategy(
    request: Request, targets: Sequence[PlannedTarget], found: Touched
) -> tuple[Strategy, str, Sequence[str]]:
    given = request.selection
    if any(each.changed_types is None for each in targets):
        return "full", UNKNOWN_CODE, [RUN]
    if any(each.changed_types for each in targets):
        return "full", OTHER_CODE, [RUN]
    if request.anyway:
        return "full", "whole versions were asked for", [RUN]
    commands = _key_commands(given, request.projections)
    if len(commands) > COMMANDS_MAX or found.streams > STREAMS_MAX:
        return "full", "so many keys are to be folded again that whole versions take less", [RUN]
    if len(given.skus) == 1 and not given.types:
        return "single key", ONE_KEY, commands
    return "slice", A_SLICE, commands


def _key_commands(given: Selection, projections: Sequence[str]) -> list[str]:
    """What puts the keys right that the selection touches: a command each, as a shell takes it."""
    same = [
        *(["--from", given.since.isoformat()] if given.since else []),
        *(["--until", given.until.isoformat()] if given.until else []),
        *(["--from-position", str(given.first_position)] if given.first_position else []),
        *(["--to-position", str(given.last_position)] if given.last_position else []),
        *(part for name in projections for part in ("--projection", name)),
    ]
    each = product(
        [["--sku", sku] for sku in sorted(given.skus)] or [[]],
        [["--tenant", tenant] for tenant in sorted(given.tenants)] or [[]],
        [["--type", stored] for stored in sorted(given.types)] or [[]],
    )
    return [
        shlex.join(["backstock", "replay", "key", *sku, *tenant, *stored, *same])
        for sku, tenant, stored in islice(each, COMMANDS_MAX + 1)
    ]


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
    if found.planted and not request.planted:
        raise PlantedEditionError(request.edition)
    selection = request.selection
    if faults := sorted({*selection.types} - KNOWN_TYPES):
        raise UnknownTypeError(faults[0])
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
