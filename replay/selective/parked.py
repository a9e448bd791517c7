"""Parked streams replayed once their cause is mended: in order, by the projection itself.

Of every version that is fed, or of the one that is named.

Who holds a shard's lease retries its streams between two batches, as it alone knows what it keeps
back. A shard that nobody holds is leased by this process for as long as it takes. Either way events
go through the projection's own `apply_parked`, which passes over what is applied already.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any, Final

from eventlog.applying import Applier
from eventlog.codec import KNOWN_TYPES
from eventlog.log import LogReader
from eventlog.parked import ParkedStream, ParkedStreams
from eventlog.postgres.connections import Pool, borrowed
from eventlog.projection import Projection
from eventlog.shards import shard_of
from projections.catalogue import FED, STORES, ReadModel, versions
from replay.selective.live import other_code
from replay.selective.selection import SelectionError

WAIT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1
TAKE: Final = """
UPDATE projection_checkpoints
   SET lease_owner = %(owner)s, lease_until = clock_timestamp() + interval '10 seconds'
 WHERE projection = %(projection)s AND version = %(version)s AND shard = %(shard)s
   AND (lease_owner IS NULL OR lease_owner = %(owner)s OR lease_until < clock_timestamp())
"""
RELEASE: Final = """
UPDATE projection_checkpoints SET lease_owner = NULL, lease_until = NULL
 WHERE projection = %(projection)s AND version = %(version)s AND lease_owner = %(owner)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The parked streams of one version: those that flow again, and those that do not.

    `other_code`: why this process leaves them to the projectors of another release.
    """

    projection: str
    version: int
    state: str
    other_code: str | None
    replayed: Sequence[ParkedStream]
    still_parked: Sequence[ParkedStream]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it. `waiting`: its projector has not come to it."""
        return {
            "projection": self.projection,
            "version": self.version,
            "state": self.state,
            "other_code": self.other_code,
            "replayed": [_named(each) for each in self.replayed],
            "still_parked": [
                _named(each) | {"error": each.error, "waiting": each.retry_requested_at is not None}
                for each in self.still_parked
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """What it is run with. `owner` is this process among all that hold leases."""

    pool: Pool
    reader: LogReader
    make: Callable[[ReadModel], Projection]
    epoch: int
    shards: int
    owner: str
    seconds_max: float = WAIT_SECONDS

    def replay(
        self, projections: Collection[str] = (), *, version: int | None = None
    ) -> list[Retried]:
        """Retry every parked stream of these read models (none named: of all).

        Of each version that is fed, or of `version` alone. Raises `SelectionError`,
        `LogUnavailableError`, and what projections raise for outages.
        """
        if unknown := {*projections} - STORES.keys():
            raise SelectionError(f"no projection {min(unknown)!r}; there are {', '.join(STORES)}")
        if version is not None and len({*projections}) != 1:
            raise SelectionError("--version is of one read model: give one --projection beside it")
        return [self._retry(model) for model in self._models(projections, version)]

    def _models(self, projections: Collection[str], version: int | None) -> list[ReadModel]:
        with borrowed(self.pool) as connection:
            models = [
                model
                for name in STORES
                if name in projections or not projections
                for model in versions(connection, name).values()
                if model.state in FED
            ]
        found = [model for model in models if version in {None, model.version}]
        if version is not None and not found:
            fed = ", ".join(f"v{model.version} ({model.state})" for model in models)
            raise SelectionError(f"{min(projections)} v{version} is not fed; there is {fed}")
        return found

    def _retry(self, model: ReadModel) -> Retried:
        parked = ParkedStreams(self.pool, model.name, model.version)
        before = parked.streams()
        why = None
        for ledger, stream in before:
            parked.request_retry(ledger, stream)
        if before:
            with borrowed(self.pool) as connection:
                why = other_code(connection, model)
            if why is None:
                self._take_over(model, parked, before)
            self._wait(parked, before)
        after = parked.streams()
        return Retried(
            projection=model.name,
            version=model.version,
            state=model.state,
            other_code=why,
            replayed=[each for key, each in before.items() if key not in after],
            still_parked=[after[key] for key in before if key in after],
        )

    def _take_over(
        self,
        model: ReadModel,
        parked: ParkedStreams,
        streams: Mapping[tuple[str, str], ParkedStream],
    ) -> None:
        """Retry the streams of shards that no projector works on."""
        shards = {shard_of(ledger, self.shards) for ledger, _ in streams}
        ours = {shard for shard in shards if self._lease(model, shard)}
        if not ours:
            return
        try:
            projection = self.make(model)
            positions = {shard: projection.checkpoint(shard).position for shard in sorted(ours)}
            applier = Applier(
                projection, parked, self.reader, epoch=self.epoch, known_types=KNOWN_TYPES
            )
            applier.load_parked()

            def position_of(ledger: str) -> int | None:
                shard = shard_of(ledger, self.shards)
                held = shard in ours and self._lease(model, shard)
                return positions[shard] if held else None

            applier.retry_requested(position_of)
        finally:
            with borrowed(self.pool) as connection:
                connection.execute(RELEASE, self._values(model))

    def _lease(self, model: ReadModel, shard: int) -> bool:
        """Take or renew a shard's lease; False when a projector has it."""
        with borrowed(self.pool) as connection:
            taken = connection.execute(TAKE, self._values(model) | {"shard": shard})
            return taken.rowcount == 1

    def _values(self, model: ReadModel) -> dict[str, object]:
        return {"projection": model.name, "version": model.version, "owner": self.owner}

    def _wait(self, parked: ParkedStreams, streams: Collection[tuple[str, str]]) -> None:
        """Until the projectors have answered every request, but not for ever."""
        ends_at = monotonic() + self.seconds_max
        while monotonic() < ends_at:
            found = parked.streams()
            asked = (found[key].retry_requested_at for key in streams if key in found)
            if all(each is None for each in asked):
                return
            Event().wait(POLL_SECONDS)


def _named(stream: ParkedStream) -> dict[str, Any]:
    return {"ledger": stream.ledger, "stream": stream.stream, "position": stream.position}
