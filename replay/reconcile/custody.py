"""One shard's publication, taken out of the relay's hands for a while and given back."""

from __future__ import annotations

from typing import Final

from eventlog.leases import LEASE_SECONDS, MARK
from eventlog.postgres.connections import Pool, borrowed

NAME: Final = "reconcile"


class ShardBusyError(Exception):
    """Another repair is at work on the shard."""

    def __init__(self, shard: int, owner: str) -> None:
        super().__init__(
            f"shard {shard} is being repaired by {owner!r} already: wait until it has ended, or"
            f" {LEASE_SECONDS:.0f} s after it was killed"
        )
        self.shard = shard
        self.owner = owner


class ShardLostError(Exception):
    """This repair was held up for so long that a relay took the shard back."""

    def __init__(self, shard: int) -> None:
        super().__init__(
            f"the repair of shard {shard} was held up until a relay took the shard back: nothing is"
            " lost, repair it again"
        )
        self.shard = shard


class ShardCustody:
    """Holds the relay's lease of one shard, in the relay's own way: by the row of its cursor.

    A relay that holds it notices at its next look, or when its next move of the cursor fails, and
    what it had on the way by then is a repeat. Methods raise `LogUnavailableError`.
    """

    def __init__(self, pool: Pool, shard: int, *, incarnation: str) -> None:
        self._pool = pool
        self._shard = shard
        self.owner = f"{NAME}{MARK}{incarnation}"

    def take(self, epoch: int) -> None:
        """Raises `ShardBusyError`."""
        values = {
            "shard": self._shard,
            "epoch": epoch,
            "owner": self.owner,
            "prefix": f"{NAME}{MARK}",
            "seconds": LEASE_SECONDS,
        }
        with borrowed(self._pool) as connection, connection.transaction():
            connection.execute(ENSURE, values)
            if connection.execute(TAKE, values).rowcount != 1:
                row = connection.execute(OWNER, values).fetchone()
                raise ShardBusyError(self._shard, str(row[0]) if row else "")

    def renew(self) -> None:
        """Raises `ShardLostError`."""
        self._change(RENEW, seconds=LEASE_SECONDS)

    def hand_back(self, *, epoch: int, position: int) -> None:
        """Publication goes on behind `position`. Raises `ShardLostError`."""
        self._change(HAND_BACK, epoch=epoch, position=position)

    def let_go(self) -> None:
        """Leave the cursor as it is: the next relay asks Kafka where to go on."""
        with borrowed(self._pool) as connection:
            connection.execute(LET_GO, {"shard": self._shard, "owner": self.owner})

    def _change(self, statement: bytes, **more: object) -> None:
        values = {"shard": self._shard, "owner": self.owner, **more}
        with borrowed(self._pool) as connection:
            if connection.execute(statement, values).rowcount != 1:
                raise ShardLostError(self._shard)


ENSURE: Final = b"""
INSERT INTO relay_cursors (shard, epoch) VALUES (%(shard)s, %(epoch)s) ON CONFLICT DO NOTHING
"""
TAKE: Final = b"""
UPDATE relay_cursors SET owner = %(owner)s,
       lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE shard = %(shard)s
   AND (owner IS NULL OR owner = %(owner)s OR NOT starts_with(owner, %(prefix)s)
        OR lease_until < clock_timestamp())
"""
OWNER: Final = b"SELECT owner FROM relay_cursors WHERE shard = %(shard)s"
RENEW: Final = b"""
UPDATE relay_cursors SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE shard = %(shard)s AND owner = %(owner)s
"""
HAND_BACK: Final = b"""
UPDATE relay_cursors
   SET epoch = %(epoch)s, position = %(position)s, owner = NULL, lease_until = NULL
 WHERE shard = %(shard)s AND owner = %(owner)s
"""
LET_GO: Final = b"""
UPDATE relay_cursors SET owner = NULL, lease_until = NULL
 WHERE shard = %(shard)s AND owner = %(owner)s
"""
