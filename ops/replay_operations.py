"""What the HTTP routes of replay set going, by the same library as the commands of the same names.

An API process must stay quick: what takes long is done by processes of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from threading import Lock
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection
from psycopg_pool import PoolTimeout

from api.problems import Problem
from eventlog.log import LogReader, LogUnavailableError
from eventlog.postgres.connections import borrowed, open_log_pool
from eventlog.postgres.reader import PostgresReader
from ops import promotion
from ops.replay_launch import REFUSED, ending, launch
from ops.replay_problems import busy, half_accepted, overlapping, told, wrong_rule
from ops.replaying import Replaying, process_name
from projections.editions import Edition, edition
from replay import planning, records
from replay.diff.expectations import Expectation, ExpectationError
from replay.gate import Acceptance, difference_of
from replay.measuring import Sample, sample
from replay.records import OverlappingReplayError, ReplayBusyError
from replay.route_bodies import DiffBody, PlanBody, PromoteBody, StepBody
from replay.showing import in_brief, listed, shown
from replay.steps import (
    StepName,
    UnderWay,
    check_step,
    digest_of,
    open_replays,
    owner_of,
    under_way,
)

log = structlog.get_logger(__name__)

# Whoever loses a race for the lease looks again who has it.
LOOKS_MAX = 3


class ReplayOperations:
    """`replay.operations.Operations` of this deployment. Used by many threads."""

    def __init__(self, around: Replaying) -> None:
        self._around = around
        # Whose cancelling by a process of ours waits for another step to let go.
        self._cancelling: set[UUID] = set()
        self._lock = Lock()

    def plan(self, body: PlanBody) -> dict[str, Any]:
        around = self._around
        cores = os.cpu_count() or 1
        # Started with the first sample, so not at all when the request is refused.
        child = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            measure = partial(_measured, child, around.stores.log_dsn)
            with told():
                request = body.request(cores)
                planned = planning.plan(around.pool, around.reader, request, measure=measure)
                if body.dry_run or planned.strategy != "full":
                    return {"replay_id": None, "plan": planned.as_dict()}
                return self._started(planned)
        finally:
            child.shutdown(wait=False, cancel_futures=True)

    def _started(self, planned: planning.Plan) -> dict[str, Any]:
        around = self._around
        prefix = around.stores.settings.redis_prefix
        try:
            replay_id = planning.start(around.pool, planned, redis_prefix=prefix)
        except OverlappingReplayError as error:
            with borrowed(around.pool) as connection:
                found = open_replays(connection, [error.projection]).get(error.projection)
            raise overlapping(error.projection, found) from error
        with borrowed(around.pool) as connection:
            return in_brief(shown(connection, replay_id))

    def listed(self, limit: int) -> list[dict[str, Any]]:
        with told(), borrowed(self._around.pool) as connection:
            return listed(connection, limit)

    def shown(self, replay_id: UUID) -> dict[str, Any]:
        with told(), borrowed(self._around.pool) as connection:
            return in_brief(shown(connection, replay_id))

    def diff(self, replay_id: UUID) -> dict[str, Any]:
        with told(), borrowed(self._around.pool) as connection:
            found = records.replay(connection, replay_id)
        if found.diff is None:
            raise Problem("no_difference", "Its versions were not compared: POST …/diff.")
        named = {"replay_id": str(replay_id), "difference_sha256": difference_of(found)}
        return named | dict(found.diff)

    def receipt(self, replay_id: UUID) -> dict[str, Any]:
        with told():
            receipts = promotion.checked_receipts(self._around, replay_id)
        ok = not any(each["faults"] for each in receipts)
        return {"replay_id": str(replay_id), "ok": ok, "receipts": receipts}

    def begin(self, step: StepName, replay_id: UUID, body: StepBody, actor: str) -> None:
        arguments = body.arguments()
        acceptance = None
        if isinstance(body, DiffBody):
            _check_rules(body.expect)
        if isinstance(body, PromoteBody):
            acceptance = _accepted(body, actor)
        owner = owner_of(step, process_name(), arguments)
        with told():
            if self._is_under_way(step, replay_id, owner, digest_of(arguments), acceptance):
                return
        if acceptance is not None:
            arguments = [*arguments, f"--by={actor}"]
        try:
            launch(
                self._around.stores,
                step,
                replay_id,
                arguments,
                owner=owner,
                renew=partial(self._renew, replay_id, owner),
                ended=partial(self._ended, step, replay_id, owner),
            )
        except OSError:
            self._let_go(replay_id, owner, f"{step}: no process could be started for it")
            raise

    def _is_under_way(
        self,
        step: StepName,
        replay_id: UUID,
        owner: str,
        digest: str,
        acceptance: Acceptance | None,
    ) -> bool:
        """Whether the very same is done already; if not, its lease is taken for who will do it."""
        with borrowed(self._around.pool) as connection:
            for _ in range(LOOKS_MAX):
                at_it = under_way(connection, [replay_id]).get(replay_id)
                # Read after: of a step that has ended just now, this is what it led to.
                found = records.replay(connection, replay_id)
                if at_it is not None and (at_it.step, at_it.digest) == (step, digest):
                    return True
                if at_it is not None and step != "cancel":
                    raise busy(at_it.step or None)
                check_step(connection, found, step, acceptance)
                if step == "promote":
                    promotion.signing_key(self._around)
                if at_it is not None:
                    return not self._is_first(replay_id)
                if _is_leased(connection, replay_id, owner):
                    return False
        raise busy(None)

    def _is_first(self, replay_id: UUID) -> bool:
        """Whether no process of ours waits already to cancel it; if so, the caller starts it."""
        with self._lock:
            is_first = replay_id not in self._cancelling
            self._cancelling.add(replay_id)
        return is_first

    def _renew(self, replay_id: UUID, owner: str) -> None:
        try:
            with self._around.pool.connection() as connection:
                records.renew(connection, replay_id, owner)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.info("replay lease not renewed", replay_id=str(replay_id), reason=str(error))

    def _ended(self, step: StepName, replay_id: UUID, owner: str, code: int) -> None:
        log.info("replay step ended", step=step, replay_id=str(replay_id), exit_code=code)
        error = ending(step, code) if code else None
        self._let_go(replay_id, owner, error, told_itself=code == REFUSED)

    def _let_go(
        self, replay_id: UUID, owner: str, error: str | None, *, told_itself: bool = False
    ) -> None:
        """Let the step be taken again at once, and say why it has to be: `told_itself` when its
        process has most likely done so.
        """
        with self._lock:
            if UnderWay.of(owner).step == "cancel":
                self._cancelling.discard(replay_id)
        try:
            with self._around.pool.connection() as connection:
                if error is not None and told_itself:
                    records.note_untold(connection, replay_id, owner, error)
                elif error is not None:
                    records.note(connection, replay_id, error=error)
                records.release(connection, replay_id, owner)
        except (psycopg.OperationalError, PoolTimeout) as outage:
            # The lease runs out by itself.
            log.warning("replay step not noted", error=error, reason=str(outage))


def _is_leased(connection: Connection[Any], replay_id: UUID, owner: str) -> bool:
    try:
        records.lease(connection, replay_id, owner)
    except ReplayBusyError:
        return False
    # An error that is there when the step has ended is its own.
    records.note(connection, replay_id, error=None)
    return True


def _accepted(body: PromoteBody, actor: str) -> Acceptance | None:
    if (body.accept is None) != (body.difference_sha256 is None):
        raise half_accepted("accept" if body.accept is None else "difference_sha256")
    if body.accept is None:
        return None
    return Acceptance(who=actor, why=body.accept, difference_sha256=body.difference_sha256)


def _check_rules(rules: Sequence[str]) -> None:
    for number, rule in enumerate(rules):
        try:
            Expectation.parse(rule)
        except ExpectationError as error:
            raise wrong_rule(number) from error


def _measured(
    child: ProcessPoolExecutor,
    dsn: str,
    _reader: LogReader,
    heads: Mapping[int, int],
    projection: str,
    code: Edition,
) -> Sample:
    """As `sample`, by a process whose time is not the API's."""
    try:
        return child.submit(_sampled, dsn, dict(heads), projection, code.name).result()
    except BrokenProcessPool as broken:
        raise LogUnavailableError(f"the process that measures has died: {broken}") from broken


def _sampled(dsn: str, heads: Mapping[int, int], projection: str, name: str) -> Sample:
    with closing(open_log_pool(dsn, size=2, name="backstock-replay-sample")) as pool:
        return sample(PostgresReader(pool), heads, projection, edition(name))
