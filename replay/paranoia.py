"""The check for determinism: versions built a second time, cut otherwise, must hold the same bytes.

The second build goes into versions of its own, which are dropped whatever comes of it; those of a
run that died are dropped by the next run, paranoid or not, or with the replay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from eventlog.postgres.connections import Pool
from eventlog.postgres.identity import StoreIdentity
from projections.catalogue import ReadModel, State, versions
from projections.editions import edition
from projections.versions import create_version, drop_version, move_version
from replay.building import FoldAgain
from replay.determinism import Clients, checksums, compare

log = structlog.get_logger(__name__)

POSITIONS: Final = """
SELECT shard::integer, position FROM projection_checkpoints
 WHERE projection = %s AND version = %s ORDER BY shard
"""
LEFT_OVER: Final = """
SELECT version FROM projections AS p
 WHERE projection = %s AND replay_id = %s AND version <> %s
   AND (state = 'building' OR state = 'retired' AND EXISTS
       (SELECT FROM projection_checkpoints AS c
         WHERE (c.projection, c.version) = (p.projection, p.version)))
"""
DROPPABLE: Final[tuple[State, ...]] = ("building", "retired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paranoia:
    """A `Check`."""

    pool: Pool
    clients: Clients
    identity: StoreIdentity
    redis_prefix: str
    drop: Callable[[ReadModel], None]
    replay_id: UUID

    def __call__(self, models: Sequence[ReadModel], fold_again: FoldAgain) -> None:
        """Raises `NotDeterministicError`, and what folding raises. Says nothing when stopped."""
        for model in models:
            self._drop_left_over(model)
            if not self._check(model, fold_again):
                return

    def tidy(self, models: Sequence[ReadModel], _: FoldAgain) -> None:
        """A `Check` that only drops what an earlier run has left."""
        for model in models:
            self._drop_left_over(model)

    def _check(self, model: ReadModel, fold_again: FoldAgain) -> bool:
        """Whether it was compared; half a version has other bytes for no fault of a fold."""
        with self.pool.connection() as connection, connection.transaction():
            values = (model.name, model.version)
            positions: dict[int, int] = dict(connection.execute(POSITIONS, values).fetchall())
            second = create_version(
                connection,
                model.name,
                edition=edition(model.edition),
                epoch=self.identity.epoch,
                shards=self.identity.shards,
                redis_prefix=self.redis_prefix,
                replay_id=self.replay_id,
            )
        try:
            found = None
            if fold_again(second, positions):
                found = checksums(model, self.pool, self.clients)
                compare(model.name, found, checksums(second, self.pool, self.clients))
        except BaseException:
            # What went wrong counts, an outage for one; the next run drops what is left.
            self._drop_if_possible(second)
            raise
        self._drop(second)
        if found is None:
            return False
        log.info("built twice, the same bytes", read_model=model.name, **found)
        return True

    def _drop_left_over(self, model: ReadModel) -> None:
        with self.pool.connection() as connection:
            values = (model.name, self.replay_id, model.version)
            rows = connection.execute(LEFT_OVER, values).fetchall()
            known = versions(connection, model.name)
        for (version,) in rows:
            self._drop(known[version])

    def _drop_if_possible(self, model: ReadModel) -> None:
        try:
            self._drop(model)
        except Exception as error:  # noqa: BLE001 - beside the error that is under way
            log.warning(
                "second build not dropped",
                read_model=model.name,
                version=model.version,
                reason=f"{type(error).__name__}: {error}",
            )

    def _drop(self, model: ReadModel) -> None:
        with self.pool.connection() as connection:
            move_version(connection, model.name, model.version, wanted=DROPPABLE, to="retired")
        self.drop(model)
        with self.pool.connection() as connection, connection.transaction():
            drop_version(connection, model.name, model.version)
