"""Two versions in Redis: a page of SKUs is read from both, with both checkpoints, by one call.

A SKU that events between the two checkpoints touch is unsettled, and read again in a later page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import Any, Final

from domain.streams import id_of, kind_of, sku_and_location
from eventlog.log import LogReader
from projections.availability.keys import ShardKeys
from projections.availability.shard_store import redis_outages
from replay.diff.cells import AVAILABLE, SETTINGS, Apart, Pair
from replay.diff.sides import Sides, VersionsApartError, touched

# One call blocks the server for about 2 ms at this limit.
PAGE_KEYS: Final = 250
SCAN_COUNT: Final = 1_000
SETTING: Final = "#"
Sku = tuple[str, str]
"""(ledger, SKU)"""
Hash = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one call found. `digests`: (fields, units, hash, hash) of both versions, over the SKUs
    that are settled; `pairs`: those of their cells that differ; `apart`: cells of the unsettled.
    """

    shard: int
    place: tuple[int, int]
    digests: tuple[Sequence[int], Sequence[int]]
    pairs: Sequence[Pair]
    apart: Sequence[Apart]
    unsettled: Sequence[Sku]

    @property
    def position(self) -> int:
        return min(self.place)


class ShardPages:
    """One shard's hashes in both versions. Raises `StoreUnavailableError`, `VersionsApartError`."""

    def __init__(self, sides: Sides, reader: LogReader, shard: int) -> None:
        assert sides.redis is not None, "availability is compared where it is kept"
        self._client: Any = sides.redis
        self._sides = sides
        self._reader = reader
        self._shard = shard
        self._keys = [ShardKeys(model.places["availability"], shard) for model in sides.both]
        script = files("replay.diff").joinpath("page.lua").read_text(encoding="utf-8")
        self._read = self._client.register_script(script)

    def skus(self) -> Iterator[Sku]:
        """Each SKU that either version has, once; those that come meanwhile may be left out."""
        seen: set[int] = set()
        for keys in self._keys:
            prefix = keys.hash_of("", "").removesuffix(":")
            names = self._client.sscan_iter(keys.keys, count=SCAN_COUNT)
            while True:
                with redis_outages():
                    found = list(islice(names, SCAN_COUNT))
                if not found:
                    break
                for name in map(_text, found):
                    ledger, _, sku = name.removeprefix(prefix).partition(":")
                    if (mark := hash((ledger, sku))) not in seen:
                        seen.add(mark)
                        yield ledger, sku

    def page(self, skus: Sequence[Sku], *, is_last: bool = False) -> Page:
        """At most PAGE_KEYS SKUs, as they are now; with all cells of the unsettled if `is_last`."""
        assert len(skus) <= PAGE_KEYS
        names = [keys.checkpoint for keys in self._keys]
        names += [keys.hash_of(*sku) for sku in skus for keys in self._keys]
        with redis_outages():
            older, newer, digests, differing = self._read(
                keys=names,
                args=["1" if is_last else "", *(f"{ledger}:{sku}" for ledger, sku in skus)],
            )
        place = self._place(older, newer)
        left = _skus(touched(self._reader, self._sides, self._shard, place))
        rows = digests if place[0] == place[1] else _of_settled(digests, skus, left)
        sums = [sum(column) for column in zip(*rows, strict=True)] or [0] * 8
        pairs: list[Pair] = []
        apart: list[Apart] = []
        for number, *hashes in differing:
            sku = skus[number - 1]
            if sku in left:
                apart += _apart(sku, place, *map(_hash, hashes))
            else:
                pairs += _pairs(sku, min(place), *map(_hash, hashes))
        return Page(
            shard=self._shard,
            place=place,
            digests=(sums[:4], sums[4:]),
            pairs=pairs,
            apart=apart,
            unsettled=[sku for sku in skus if sku in left],
        )

    def _place(self, older: Sequence[Any], newer: Sequence[Any]) -> tuple[int, int]:
        """The two positions, of one life of the log."""
        *life, before = map(_text, older)
        *other, after = map(_text, newer)
        if not before or not after or life != other:
            why = f"shard {self._shard} of one of them is empty, or of another store"
            raise VersionsApartError(self._sides.name, why)
        return int(before), int(after)


def _apart(sku: Sku, place: tuple[int, int], older: Hash, newer: Hash) -> Iterator[Apart]:
    """The settings and each location's units, each version at its own place."""
    for pair in _cells(sku, min(place), older, newer):
        yield Apart(key=pair.key, positions=place, older=pair.older, newer=pair.newer)


def _of_settled(
    digests: Sequence[Sequence[int]], skus: Sequence[Sku], left: frozenset[Sku]
) -> list[Sequence[int]]:
    return [row for sku, row in zip(skus, digests, strict=True) if sku not in left]


def _skus(streams: frozenset[tuple[str, str]]) -> frozenset[Sku]:
    """Whose hashes the streams' events change."""
    found = set()
    for ledger, stream in streams:
        match kind_of(stream):
            case "stock":
                found.add((ledger, sku_and_location(stream)[0]))
            case "item":
                found.add((ledger, id_of(stream)))
            case _:
                pass
    return frozenset(found)


def _pairs(sku: Sku, position: int, older: Hash, newer: Hash) -> Iterator[Pair]:
    """The settings, and each location's units, where they differ."""
    return (pair for pair in _cells(sku, position, older, newer) if pair.older != pair.newer)


def _cells(sku: Sku, position: int, older: Hash, newer: Hash) -> Iterator[Pair]:
    settings = [
        {name.removeprefix(SETTING): text for name, text in found.items() if name[:1] == SETTING}
        for found in (older, newer)
    ]
    before, after = (found or None for found in settings)
    yield Pair(key=SETTINGS.key(*sku), position=position, older=before, newer=after)
    for location in sorted(older.keys() | newer.keys()):
        if location[:1] != SETTING:
            yield Pair(
                key=AVAILABLE.key(*sku, location),
                position=position,
                older=_units(older, location),
                newer=_units(newer, location),
            )


def _units(found: Hash, location: str) -> dict[str, int | str] | None:
    text = found.get(location)
    if text is None:
        return None
    # A version may hold what no event has written; then the text is shown.
    return {"available": int(text) if text.removeprefix("-").isdecimal() else text}


def _hash(flat: Sequence[Any]) -> Hash:
    texts = [_text(each) for each in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
