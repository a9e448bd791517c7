"""What a step of a replay can refuse, as the HTTP API says it: a code, fields, the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, cast
from uuid import UUID

import psycopg
from psycopg.errors import LockNotAvailable
from psycopg_pool import PoolTimeout

from api.problems import FieldError, Problem, invalid
from eventlog.codec import EVENT_TYPES
from eventlog.log import LogUnavailableError
from ops.promotion import NoReceiptError, NoSigningKeyError
from projections.catalogue import STORES
from projections.editions import EDITIONS, UnknownEditionError
from replay.building import CodeChangedError
from replay.gate import NotPromotableError
from replay.planning import (
    EmptyStoreError,
    NothingChangedError,
    PlantedEditionError,
    UnknownEditionPlannedError,
    UnknownProjectionError,
    UnknownTypeError,
)
from replay.records import (
    OverlappingReplayError,
    ReplayBusyError,
    ReplayStateError,
    State,
    UnknownReplayError,
)
from replay.steps import next_steps

COME_AGAIN: Final = {"Retry-After": "1"}
OVER: Final = "this replay is over: plan another one by POST /v1/replays"
MET = (
    UnknownReplayError,
    ReplayStateError,
    ReplayBusyError,
    OverlappingReplayError,
    NotPromotableError,
    CodeChangedError,
    UnknownEditionError,
    UnknownProjectionError,
    UnknownEditionPlannedError,
    PlantedEditionError,
    UnknownTypeError,
    EmptyStoreError,
    NothingChangedError,
    NoReceiptError,
    NoSigningKeyError,
    LockNotAvailable,
)


@contextmanager
def told() -> Iterator[None]:
    """Turns what the library refuses into the API's `Problem`. Raises `LogUnavailableError`."""
    try:
        yield
    except MET as error:
        raise _problem(error) from error
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise LogUnavailableError(str(error).strip()) from error


def _problem(error: Exception) -> Problem:
    match error:
        case UnknownReplayError():
            return Problem("unknown_replay", "GET /v1/replays lists those there are.")
        case ReplayStateError():
            return _state(error)
        case ReplayBusyError() | LockNotAvailable():
            return busy(None)
        case OverlappingReplayError():
            return overlapping(error.projection, None)
        case NotPromotableError():
            remedy = "put right what the reasons name, or accept surprises by `accept`"
            members = {"reasons": list(error.reasons), "remedy": remedy}
            return Problem("not_promotable", "The gate is closed: see reasons.", members=members)
        case NoSigningKeyError():
            remedy = "run the API with the data directory whose keys/ the relay signs heads with"
            lack = "no key to sign the receipt with"
            other = f"the key {error.other} has not signed the heads of this store"
            reasons = [lack if error.other is None else other]
            members = {"reasons": reasons, "remedy": remedy}
            return Problem("not_promotable", "There would be no receipt.", members=members)
        case CodeChangedError() | UnknownEditionError():
            remedy = "cancel this replay, then plan another one"
            return Problem("code_changed", str(error), members={"remedy": remedy})
        case NoReceiptError():
            return Problem("no_receipt", "A promotion leaves one: POST …/promote.")
        case _:
            return _unplanned(error)


def _unplanned(error: Exception) -> Problem:
    match error:
        case UnknownProjectionError():
            detail = f"write some of {', '.join(STORES)}"
            return invalid("No such read model.", FieldError(pointer="/projections", detail=detail))
        case UnknownEditionPlannedError():
            detail = f"write one of {', '.join(EDITIONS)}"
            return invalid("No such edition.", FieldError(pointer="/edition", detail=detail))
        case PlantedEditionError():
            detail = 'it is known to be wrong: send "planted": true to build it all the same'
            error_at = FieldError(pointer="/edition", detail=detail)
            return invalid("A mistake, kept for drills.", error_at)
        case UnknownTypeError():
            detail = f"write some of {', '.join(sorted(EVENT_TYPES))}"
            error_at = FieldError(pointer="/selection/types", detail=detail)
            return invalid("No such event type.", error_at)
        case NothingChangedError():
            remedy = 'send "anyway": true to build the same again, or name another edition'
            detail = f"Edition {error.edition} folds every event type as the active versions do."
            return Problem("nothing_to_replay", detail, members={"remedy": remedy})
        case _:
            return Problem("nothing_to_replay", "The log holds no event.")


def _state(error: ReplayStateError) -> Problem:
    steps = next_steps(cast("State", error.state))
    members: Mapping[str, object] = {
        "state": error.state,
        "wanted": list(error.wanted),
        "remedy": f"post {' or '.join(steps)}" if steps else OVER,
    }
    wanted = " or ".join(error.wanted)
    return Problem(
        "replay_state",
        f"The replay is {error.state}; this step wants it {wanted}.",
        members=members,
    )


def busy(step: str | None) -> Problem:
    """Another process holds the replay's lease."""
    at = f"its {step} is" if step else "another step of it is"
    remedy = "watch the replay, and come again when `step` is null; or cancel it"
    return Problem(
        "replay_busy",
        f"Only one process works on a replay, and {at} under way.",
        members={"step": step, "remedy": remedy},
        headers=COME_AGAIN,
    )


def overlapping(projection: str, replay_id: UUID | None) -> Problem:
    """Another replay of the projection is open."""
    return Problem(
        "replay_overlapping",
        f"A replay of {projection} is open already.",
        members={
            "projection": projection,
            "replay_id": replay_id,
            "remedy": "promote and retire that one, or cancel it",
        },
    )


def wrong_rule(number: int) -> Problem:
    """A rule of `expect` that cannot be read."""
    detail = "write name=value words, such as type=stock.returned.v1 field=held to=damaged"
    return invalid("Some rules are wrong.", FieldError(pointer=f"/expect/{number}", detail=detail))


def half_accepted(lacking: str) -> Problem:
    """Surprises are accepted without a reason, or it is not said which."""
    detail = "send accept, the reason, and difference_sha256, as GET …/diff answers it, together"
    return invalid("Half an acceptance.", FieldError(pointer=f"/{lacking}", detail=detail))
