"""A step of a replay as others see it, by the replay's row: who is at it, and how it failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Final
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from ops.replaying import Replaying
from replay.building import BuildFailedError
from replay.gate import NotPromotableError
from replay.holding import Holding, LeaseLostError, ReplayCancelledError
from replay.records import ReplayBusyError, ReplayStateError, UnknownReplayError, note
from replay.steps import StepName, owner_of

log = structlog.get_logger(__name__)

# They take the lease by themselves.
HOLDING: Final[frozenset[StepName]] = frozenset({"run", "cancel"})
# What they end with is on the row already, or is another process's to tell.
TOLD: Final = (
    UnknownReplayError,
    ReplayBusyError,
    LeaseLostError,
    ReplayCancelledError,
    BuildFailedError,
)
# Whoever asked is told at once, and nothing was changed.
REFUSED: Final = (ReplayStateError, NotPromotableError)


@contextmanager
def watched(around: Replaying, replay_id: UUID, step: StepName) -> Iterator[Replaying]:
    """What the step is to be taken with. Notes what it raises in the replay's `error`.

    A process that was started for the step holds the replay's lease meanwhile, so that its death
    shows. One that a person started takes it only where the step itself does: whoever runs it again
    after a crash need not wait.
    """
    if around.launched:
        from ops.processes.lifecycle import log_to_stderr

        log_to_stderr()
        named = around
        held = nullcontext() if step in HOLDING else Holding(around.pool, replay_id, around.owner)
    else:
        named, held = replace(around, owner=owner_of(step, around.owner)), nullcontext()
    try:
        with held as lease:
            yield named if lease is None else replace(named, check=lease.check)
            if step not in HOLDING:
                _note(around, replay_id, None)
    except TOLD as error:
        if around.launched and step == "cancel" and isinstance(error, ReplayBusyError):
            # Called cancelled already; that it is not dropped yet is told by nobody else.
            _note(around, replay_id, f"{step}: {error}; post it again")
        raise
    except Exception as error:
        if around.launched or not isinstance(error, REFUSED):
            from ops.faults import sentence

            _note(around, replay_id, f"{step}: {sentence(error)}")
        raise


def _note(around: Replaying, replay_id: UUID, text: str | None) -> None:
    try:
        with around.pool.connection() as connection:
            note(connection, replay_id, error=text)
    except (psycopg.OperationalError, PoolTimeout) as outage:
        log.warning("replay error not noted", text=text, reason=str(outage))
