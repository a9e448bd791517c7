"""A replay as status, HTTP and the commands show it: one JSON object, from its row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from projections.catalogue import STORES, versions
from replay.history import faults_of_history
from replay.planning import UnknownProjectionError
from replay.records import Replay, UnknownReplayError, replay, replays
from replay.steps import UnderWay, next_steps, under_way

SETS_SHOWN: Final = 5
FIGURES: Final = ("cells", "differing", "expected", "surprises")


class UnmatchedReplayError(UnknownReplayError):
    """No replay is of just these projections. `sets`: of which there are some, the latest first."""

    def __init__(self, projections: Sequence[str], sets: Sequence[Collection[str]]) -> None:
        super().__init__(None)
        there = "; ".join(" ".join(sorted(each)) for each in sets)
        known = f"; there are replays of: {there}" if sets else ", and none was ever planned"
        named = " ".join(projections)
        told = "name all that were planned together, or its id by --replay"
        self.args = (f"no replay is of just {named}: {told}{known}",)
        self.projections = projections
        self.sets = sets


def find(
    connection: Connection[Any], replay_id: UUID | None, projections: Collection[str] = ()
) -> Replay:
    """The replay of this id; else the latest one of just these projections, or of any.

    Raises `UnknownReplayError`, `UnknownProjectionError`.
    """
    if replay_id is not None or not projections:
        return replay(connection, replay_id)
    if unknown := sorted({*projections} - STORES.keys()):
        raise UnknownProjectionError(unknown[0])
    sets: list[frozenset[str]] = []
    for each in replays(connection):
        names = frozenset(target.projection for target in each.targets)
        if names == set(projections):
            return each
        if names not in sets:
            sets.append(names)
    raise UnmatchedReplayError(sorted(projections), sets[:SETS_SHOWN])


def shown(connection: Connection[Any], replay_id: UUID) -> dict[str, Any]:
    """Its plan, progress and what its steps found. Raises `UnknownReplayError`."""
    at_it = under_way(connection, [replay_id]).get(replay_id)
    return as_dict(connection, replay(connection, replay_id), at_it)


def as_dict(connection: Connection[Any], found: Replay, at_it: UnderWay | None) -> dict[str, Any]:
    """The replay as one JSON object. `next`: the steps that its state allows. `step`: what a living
    process does with it; `at_it` was looked up before `found`, so that where it is None, what the
    step has found is there.
    """
    return {
        "replay_id": str(found.replay_id),
        "state": found.state,
        "step": None if at_it is None else {"name": at_it.step or None, "owner": at_it.owner},
        "next": next_steps(found.state, is_open=any(each.is_open for each in found.targets)),
        "targets": [
            {
                "projection": each.projection,
                "from_version": each.from_version,
                "to_version": each.to_version,
                "edition": versions(connection, each.projection)[each.to_version].edition,
                "is_open": each.is_open,
            }
            for each in found.targets
        ],
        "plan": found.plan,
        "progress": found.progress,
        "diff": found.diff,
        "acceptance": found.acceptance,
        "cutover": found.cutover,
        "receipt": found.receipt,
        "error": found.error,
        "owner": found.owner,
        "created_at": found.created_at.isoformat(),
        "updated_at": found.updated_at.isoformat(),
    }


def in_brief(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what has an answer of its own: cells that differ, and what receipts say."""
    diff, receipt = shown["diff"], shown["receipt"]
    return {
        **shown,
        "diff": diff
        and {
            "surprises": diff["surprises"],
            "faults": list(faults_of_history(diff.get("history"))),
            "projections": {
                name: {figure: each[figure] for figure in FIGURES}
                for name, each in diff["projections"].items()
            },
        },
        "receipt": receipt and {name: receipt[name] for name in ("sha256", "key_id")},
    }


def listed(connection: Connection[Any], limit: int) -> list[dict[str, Any]]:
    """The latest replays, the latest first: how far they are, without shards and plans."""
    held = under_way(connection)
    return [
        _entry(in_brief(as_dict(connection, each, held.get(each.replay_id))))
        for each in replays(connection, limit=limit)
    ]


def _entry(brief: Mapping[str, Any]) -> dict[str, Any]:
    left = ("plan", "acceptance", "cutover", "receipt")
    progress = {name: value for name, value in brief["progress"].items() if name != "shards"}
    return {name: value for name, value in brief.items() if name not in left} | {
        "progress": progress
    }
