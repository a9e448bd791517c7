"""Where versions stand by what their own stores say, for those that keep a position themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from ops.processes.projector import redis_client
from ops.replaying import Replaying
from projections.availability.keys import ShardKeys
from projections.availability.shard_store import ShardStore
from projections.catalogue import ReadModel
from replay.switching import Positions


@contextmanager
def own_positions(around: Replaying) -> Iterator[Positions]:
    """Positions of versions in Redis. They raise `StoreUnavailableError`."""
    identity = around.identity
    stores: dict[tuple[str, int], ShardStore] = {}
    with closing(redis_client(around.stores)) as client:

        def position(model: ReadModel, shard: int) -> int:
            prefix = model.places["availability"]
            store = stores.get((prefix, shard))
            if store is None:
                store = stores[prefix, shard] = ShardStore(
                    client,
                    ShardKeys(prefix, shard),
                    store_id=str(identity.store_id),
                    epoch=identity.epoch,
                )
            return store.position() or 0

        yield position
