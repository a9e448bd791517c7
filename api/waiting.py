"""Reads that wait for a position: `min_position`, as a number or as a command's token.

All waiters for one ledger share one poll, so that many of them cost the store no more than one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from anyio.to_thread import run_sync

from api.problems import FieldError, Problem
from projections.queries.standing import LedgerStanding

WAIT_SECONDS_MAX = 5.0
POLL_SECONDS = 0.02
AskStanding = Callable[[str, str], LedgerStanding]


@dataclass(slots=True)
class _Waiter:
    position: int
    read_models: Collection[str]
    reached: asyncio.Future[None]


@dataclass(slots=True)
class _Poll:
    task: asyncio.Task[None] | None = None
    waiters: list[_Waiter] = field(default_factory=list)


class Waiting:
    """Belongs to one event loop. `ask` blocks: the standing of a tenant's ledger."""

    def __init__(self, ask: AskStanding) -> None:
        self._ask = ask
        self._polls: dict[tuple[str, str], _Poll] = {}

    async def until(
        self, tenant: str, ledger: str, position: int, read_models: Collection[str]
    ) -> None:
        """Return once each of the read models shows `position`; no read models: all of them.

        Raises Problem: beyond_head at once, behind after WAIT_SECONDS_MAX.
        """
        standing = await run_sync(self._ask, tenant, ledger)
        if position > standing.position:
            raise Problem(
                "beyond_head",
                f"The ledger is at position {standing.position}.",
                errors=[FieldError(pointer="query/min_position", detail="use a lower position")],
            )
        if _shows(standing, position, read_models):
            return
        waiter = _Waiter(position, read_models, asyncio.get_running_loop().create_future())
        poll = self._polls.setdefault((tenant, ledger), _Poll())
        poll.waiters.append(waiter)
        if poll.task is None:
            poll.task = asyncio.create_task(self._run(tenant, ledger, poll))
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await waiter.reached
        except TimeoutError:
            raise behind(position) from None
        finally:
            if waiter in poll.waiters:
                poll.waiters.remove(waiter)

    async def _run(self, tenant: str, ledger: str, poll: _Poll) -> None:
        try:
            while poll.waiters:
                await asyncio.sleep(POLL_SECONDS)
                standing = await run_sync(self._ask, tenant, ledger)
                for waiter in poll.waiters:
                    shows = _shows(standing, waiter.position, waiter.read_models)
                    if shows and not waiter.reached.done():
                        waiter.reached.set_result(None)
                poll.waiters = [each for each in poll.waiters if not each.reached.done()]
        except Exception as error:  # noqa: BLE001 # each waiter is told, and tells its client
            for waiter in poll.waiters:
                if not waiter.reached.done():
                    waiter.reached.set_exception(error)
        finally:
            del self._polls[tenant, ledger]


def behind(position: int) -> Problem:
    """The answer of a read that waited in vain."""
    detail = f"Position {position} is not shown yet; read again, or without min_position."
    return Problem("behind", detail)


def _shows(standing: LedgerStanding, position: int, read_models: Collection[str]) -> bool:
    models = [standing.models.get(name) for name in read_models or standing.models]
    return all(each is not None and each.position >= position for each in models)
