"""Which streams a round looks at: those of random events, and those still wrong at the last one."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import NamedTuple

import psycopg

from replay.verify.documents.kinds import KINDS

SHARD_HEADS = "SELECT shard, position FROM shards WHERE position > 0 ORDER BY shard"
AT = """
SELECT DISTINCT event.ledger, event.stream
  FROM unnest(%s::smallint[], %s::bigint[]) AS picked (shard, position)
  JOIN events AS event ON event.shard = picked.shard AND event.shard_position = picked.position
"""
AGGREGATES = {"stock", "item", "location", "order", "charge", *KINDS}


class Picked(NamedTuple):
    ledger: str
    stream: str

    @property
    def aggregate(self) -> str:
        return self.stream.partition("-")[0]

    @property
    def name(self) -> str:
        return self.stream.partition("-")[2]


def pick(
    connection: psycopg.Connection, dice: Random, number: int, also: Collection[Picked]
) -> list[Picked]:
    """`also`, and streams of `number` random events of the whole log.

    In no order of their names: a round may be full before it comes to the last ones.
    """
    heads = connection.execute(SHARD_HEADS).fetchall()
    streams = set[Picked]()
    if heads:
        shards = dice.choices(heads, weights=[head for _, head in heads], k=number)
        positions = [dice.randint(1, head) for _, head in shards]
        rows = connection.execute(AT, ([shard for shard, _ in shards], positions))
        streams |= {Picked(*row) for row in rows}
    others = sorted(streams.difference(also))
    dice.shuffle(others)
    return [each for each in (*sorted(also), *others) if each.aggregate in AGGREGATES]
