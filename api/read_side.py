"""What the read routes hold: the read role's pool, and no way to any other connection."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Security
from psycopg import Connection

from api.answer_schemas import AsOf, Stale
from api.authentication import Principal
from api.clickhouse import ClickHouse
from api.pages import Filters, Pages, begun_on
from api.personal import Opening
from api.positions import Positions
from api.problems import Problem
from api.requests import Authenticate
from api.waiting import Waiting, behind
from domain.values import SLUG_PATTERN
from eventlog.postgres.connections import Pool, tenant_transaction
from projections.queries.availability import AvailabilityQueries
from projections.queries.standing import (
    LedgerStanding,
    ModelStanding,
    ledger_standing,
    next_recorded_at,
    parked_since,
)

# A promotion waits for longer than this before it switches: nobody then answers from memory.
RECENT_SECONDS_MAX = 0.5
RECENT_LEDGERS_MAX = 10_000
LOG_VERSION = 1  # There is one log.

LedgerName = Annotated[
    str, Query(alias="ledger", pattern=SLUG_PATTERN, description="The ledger's short name.")
]
MinPosition = Annotated[
    str | None,
    Query(
        max_length=4_096,
        description="Wait, up to 5 seconds, until this is shown: a command's token, or a position.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Who asks, of which ledger, for what position at least."""

    principal: Principal
    ledger_name: str
    min_position: int

    @property
    def ledger(self) -> str:
        return f"{self.principal.tenant}/{self.ledger_name}"


Asking = Callable[..., Awaitable[Ask]]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One ledger at one snapshot of the database, for as long as its transaction lasts."""

    ask: Ask
    connection: Connection[Any]
    standing: LedgerStanding
    now: datetime
    positions: Positions
    begun_on: int | None = None

    def model(self, name: str) -> ModelStanding:
        """The read model's standing: of the version that the list was begun on, if it is kept.

        Raises Problem when it is behind what was asked for.
        """
        begun = None if self.begun_on is None else self.standing.kept.get((name, self.begun_on))
        standing = begun or self.standing.models.get(name)
        if standing is None:
            raise Problem("unavailable", f"The read model {name} is not set up yet.")
        if standing.position < self.ask.min_position:
            raise behind(self.ask.min_position)
        return standing

    def places(self, name: str) -> Mapping[str, str]:
        return self.model(name).model.places

    def stale(
        self, name: str, streams: Collection[str] | Callable[[str], bool] | None
    ) -> list[Stale]:
        """Those of the streams (None: of all) that the read model could not follow.

        What was asked for, not what was found: a stream whose first event is parked has no row.
        """
        concerns = streams if streams is None or callable(streams) else streams.__contains__
        return [
            Stale(
                stream=stream,
                position=position,
                reason=f"Event {position} could not be applied; the operator has to help.",
            )
            for stream, position in parked_since(
                self.connection, self.model(name), self.ask.ledger
            ).items()
            if concerns is None or concerns(stream)
        ]

    def as_of(self, name: str) -> AsOf:
        """What an answer out of a read model at this snapshot is true for."""
        standing = self.model(name)
        return AsOf(
            ledger=self.ask.ledger_name,
            position=standing.position,
            recorded_at=standing.recorded_at,
            age_seconds=self.age_seconds(standing.waiting_since),
            read_model=name,
            version=standing.model.version,
            generation=self.standing.generation,
        )

    def as_of_other_store(self, name: str, position: int, recorded_at: datetime | None) -> AsOf:
        """As `as_of`, for a read model that keeps its own position beside its data."""
        standing = self.model(name)
        if position < self.ask.min_position:
            raise behind(self.ask.min_position)
        since = next_recorded_at(self.connection, self.ask.ledger, position)
        return AsOf(
            ledger=self.ask.ledger_name,
            position=position,
            recorded_at=recorded_at,
            age_seconds=self.age_seconds(since),
            read_model=name,
            version=standing.model.version,
            generation=self.standing.generation,
        )

    def as_of_log(self) -> AsOf:
        """What an answer out of the log itself is true for: it is never behind."""
        return AsOf(
            ledger=self.ask.ledger_name,
            position=self.standing.position,
            recorded_at=self.standing.recorded_at,
            age_seconds=0.0,
            read_model="log",
            version=LOG_VERSION,
            generation=self.standing.generation,
        )

    def age_seconds(self, since: datetime | None) -> float:
        """For how long it has been so; 0 for None."""
        return 0.0 if since is None else max(0.0, round((self.now - since).total_seconds(), 3))

    def pages(self, name: str, operation: str, filters: Filters) -> Pages:
        """The cursors of a list out of a read model."""
        return self._pages(operation, self.model(name).model.version, filters)

    def log_pages(self, operation: str, filters: Filters) -> Pages:
        """The cursors of a list out of the log itself."""
        return self._pages(operation, LOG_VERSION, filters)

    def _pages(self, operation: str, version: int, filters: Filters) -> Pages:
        return Pages(
            self.positions.sealer,
            tenant=self.ask.principal.tenant,
            name=operation,
            version=version,
            filters={"ledger": self.ask.ledger_name, **filters},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentStanding:
    """Where a ledger stood `age_seconds` ago."""

    standing: LedgerStanding
    age_seconds: float


class ReadSide:
    """Reads as one tenant at a time; everything that blocks is called from worker threads."""

    def __init__(
        self,
        read_pool: Pool,
        *,
        availability: AvailabilityQueries,
        clickhouse: ClickHouse,
        positions: Positions,
        opening: Opening,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.availability = availability
        self.clickhouse = clickhouse
        self.opening = opening
        self._pool = read_pool
        self._positions = positions
        self._clock = clock
        self._monotonic = monotonic
        self._recent: OrderedDict[str, tuple[LedgerStanding, float]] = OrderedDict()
        self.waiting = Waiting(self.ledger_standing)

    def asking(self, authenticate: Authenticate, *read_models: str) -> Asking:
        """A dependency: who asks, after the wait for what `min_position` says.

        It waits for these read models; without any, for all.
        """

        async def ask(
            principal: Annotated[Principal, Security(authenticate)],
            ledger: LedgerName = "main",
            min_position: MinPosition = None,
        ) -> Ask:
            # Async, so that those who wait do not occupy the threads of those who read.
            wanted = 0
            if min_position is not None:
                wanted = self._positions.wanted(principal.tenant, ledger, min_position)
                await self.waiting.until(principal.tenant, ledger, wanted, read_models)
            return Ask(principal=principal, ledger_name=ledger, min_position=wanted)

        return ask

    def asking_log(self, authenticate: Authenticate) -> Asking:
        """A dependency: who asks of the log itself, which is never behind."""

        async def ask(
            principal: Annotated[Principal, Security(authenticate)], ledger: LedgerName = "main"
        ) -> Ask:
            return Ask(principal=principal, ledger_name=ledger, min_position=0)

        return ask

    def ledger_standing(self, tenant: str, ledger_name: str) -> LedgerStanding:
        """Raises Problem (unknown_ledger), LogUnavailableError. Blocks."""
        with tenant_transaction(self._pool, tenant) as connection:
            return _known(ledger_standing(connection, f"{tenant}/{ledger_name}"))

    def recent_standing(self, ask: Ask) -> RecentStanding:
        """A standing at most RECENT_SECONDS_MAX old, for reads that are asked thousands of times.

        Raises as `ledger_standing`. Blocks when there is none.
        """
        now = self._monotonic()
        known = self._recent.get(ask.ledger)
        if known is not None and now - known[1] < RECENT_SECONDS_MAX:
            return RecentStanding(standing=known[0], age_seconds=now - known[1])
        standing = self.ledger_standing(ask.principal.tenant, ask.ledger_name)
        if standing.is_careful:
            self._recent.pop(ask.ledger, None)
        else:
            self._recent[ask.ledger] = standing, now
        while len(self._recent) > RECENT_LEDGERS_MAX:
            self._recent.popitem(last=False)
        return RecentStanding(standing=standing, age_seconds=self._monotonic() - now)

    @contextmanager
    def view(self, ask: Ask, cursor: str | None = None) -> Iterator[View]:
        """One snapshot of the ledger that is asked for, by the version that `cursor` began on.

        Raises as `ledger_standing`. Blocks.
        """
        with tenant_transaction(self._pool, ask.principal.tenant) as connection:
            yield View(
                ask=ask,
                connection=connection,
                standing=_known(ledger_standing(connection, ask.ledger)),
                now=self._clock(),
                positions=self._positions,
                begun_on=begun_on(self._positions.sealer, ask.principal.tenant, cursor),
            )


def _known(standing: LedgerStanding | None) -> LedgerStanding:
    if standing is None:
        raise Problem("unknown_ledger", "There is no such ledger; leave it out to use main.")
    return standing
