"""What the command routes hold, and nobody else: group commit, and the tenants' subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio.to_thread import run_sync

from api.authentication import Principal
from api.metrics import Metrics
from api.personal import Destination, Sealing
from api.positions import Positions
from api.problems import Problem
from api.subjects import Subjects
from commands.group_commit import ClosedError, GroupCommit, OverloadedError
from commands.in_parts import submit_whole
from commands.messages import Command
from commands.order_messages import PlaceOrder
from commands.submission import ACTOR, Answer, Mode, Submission, may_be_approved

# Of the commands that may wait in one process, one tenant's share: it cannot keep others out.
WAITING_COMMANDS_MAX = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSide:
    """Reaches the log role's connections: only `api.write_routes` is given it."""

    group_commit: GroupCommit
    subjects: Subjects
    sealing: Sealing
    positions: Positions
    metrics: Metrics
    _waiting: Counter[str] = field(default_factory=Counter)

    async def submissions(
        self,
        principal: Principal,
        commands: Sequence[Command],
        *,
        correlation_id: str | None,
        traceparent: str | None,
    ) -> list[Submission]:
        """The commands as this caller's: customers are subject ids, destinations are sealed."""
        tenant = principal.tenant
        opaque = await self.subjects.customers(tenant, _customers(commands))
        approvers = await self.subjects.people(tenant, "approver", _approvers(commands))
        sealed = await self._sealed(tenant, commands, opaque) if opaque else {}
        return [
            Submission(
                tenant=principal.tenant,
                actor=principal.actor,
                command=(
                    _opaque(each, opaque, approvers, sealed.get(index))
                    if opaque or approvers
                    else each
                ),
                correlation_id=correlation_id,
                traceparent=traceparent,
            )
            for index, each in enumerate(commands)
        ]

    async def _sealed(
        self, tenant: str, commands: Sequence[Command], subjects: Mapping[str, str]
    ) -> Mapping[int, str]:
        """Where orders go, sealed, by the index of their command."""
        destinations = {
            index: Destination(
                subject=subjects[each.customer], order_id=each.order_id, ship_to=each.ship_to
            )
            for index, each in enumerate(commands)
            if isinstance(each, PlaceOrder)
            and each.customer is not None
            and each.ship_to is not None
        }
        if not destinations:
            return {}
        texts = await run_sync(self.sealing.seal, tenant, list(destinations.values()))
        return dict(zip(destinations, texts, strict=True))

    async def submit(self, submissions: Sequence[Submission], mode: Mode) -> list[Answer]:
        """One answer for each. Raises Problem when nothing was queued."""
        if not submissions:
            return []
        with self._admitted(submissions[0].tenant, len(submissions)):
            try:
                if mode == "independent" and len(submissions) == 1:
                    answers = [await submit_whole(self.group_commit, submissions[0])]
                else:
                    answers = await self.group_commit.submit(submissions, mode)
            except OverloadedError:
                raise Problem(
                    "overloaded", "Nothing was taken; send the same again in a moment."
                ) from None
            except ClosedError:
                raise Problem(
                    "unavailable", "This process is shutting down; send the same again."
                ) from None
        self.metrics.count_answers(answers)
        return answers

    @contextmanager
    def _admitted(self, tenant: str, commands: int) -> Iterator[None]:
        # However large, what comes while nothing waits is taken.
        waiting = self._waiting[tenant]
        if waiting and waiting + commands > WAITING_COMMANDS_MAX:
            raise Problem("too_many_waiting", f"{waiting} of yours are waiting; wait for answers.")
        self._waiting[tenant] += commands
        try:
            yield
        finally:
            self._waiting[tenant] -= commands
            if not self._waiting[tenant]:
                del self._waiting[tenant]


def _customers(commands: Sequence[Command]) -> Iterator[str]:
    return (
        each.customer
        for each in commands
        if isinstance(each, PlaceOrder) and each.customer is not None
    )


def _approvers(commands: Sequence[Command]) -> Iterator[str]:
    """Those named by the tenant's own name; whoever is an actor here is opaque already."""
    return (
        each.approved_by
        for each in commands
        if may_be_approved(each)
        and each.approved_by is not None
        and not ACTOR.fullmatch(each.approved_by)
    )


def _opaque(
    command: Command,
    subjects: Mapping[str, str],
    approvers: Mapping[str, str],
    sealed_ship_to: str | None,
) -> Command:
    if may_be_approved(command):
        approver = approvers.get(command.approved_by or "", command.approved_by)
        return command.model_copy(update={"approved_by": approver})
    if isinstance(command, PlaceOrder) and command.customer is not None:
        return command.opaque(subjects[command.customer], sealed_ship_to)
    return command
