"""Questions to `availability`: what can be sold, of many SKUs at once, in one atomic read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis

from eventlog.projection import StoreUnavailableError
from eventlog.shards import shard_of
from projections.availability.keys import BACKORDER_LIMIT, SAFETY_STOCK, STATUS, ShardKeys
from projections.queries.standing import Standing

EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("availability.lua").read_text()
SETTINGS = frozenset({SAFETY_STOCK, BACKORDER_LIMIT, STATUS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """Of one SKU: units by location that are promised to nobody, and what its item says.

    `to_promise` is their sum less the safety stock. `status` is None for a SKU never registered.
    """

    sku: str
    locations: Mapping[str, int]
    safety_stock: int
    backorder_limit: int
    status: str | None

    @property
    def units(self) -> int:
        return sum(self.locations.values())

    @property
    def to_promise(self) -> int:
        return self.units - self.safety_stock


class AvailabilityQueries:
    """Reads one version of the read model. Thread-safe, as the client is.

    `prefix` is the catalogue's place of it. Methods raise `StoreUnavailableError`.
    """

    def __init__(self, client: redis.Redis, *, shards: int) -> None:
        self._script = client.register_script(SCRIPT)
        self._shards = shards

    def available(
        self, prefix: str, ledger: str, skus: Sequence[str]
    ) -> tuple[Standing, list[Available]]:
        """Every SKU asked for, in that order, as of one position of the ledger."""
        keys = ShardKeys(prefix, shard_of(ledger, self._shards))
        hashes = [keys.hash_of(ledger, sku) for sku in skus]
        with _outages():
            mark, rows = self._script(keys=[keys.ledgers, *hashes], args=[ledger])
        found = [_available(sku, row) for sku, row in zip(skus, rows, strict=True)]
        return _standing(mark), found


def _available(sku: str, row: Sequence[bytes | str]) -> Available:
    fields = dict(zip(map(_text, row[::2]), map(_text, row[1::2]), strict=True))
    return Available(
        sku=sku,
        locations={name: int(units) for name, units in fields.items() if name not in SETTINGS},
        safety_stock=int(fields.get(SAFETY_STOCK, 0)),
        backorder_limit=int(fields.get(BACKORDER_LIMIT, 0)),
        status=fields.get(STATUS),
    )


def _standing(mark: bytes | str | None) -> Standing:
    if not mark:
        return Standing()
    position, recorded_at_us = map(int, _text(mark).split())
    return Standing(
        position=position, recorded_at=EPOCH_START + timedelta(microseconds=recorded_at_us)
    )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise StoreUnavailableError("Redis", error) from error
