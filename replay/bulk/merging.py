"""A later range's change added to an earlier one's: as if both had been folded at once."""

from __future__ import annotations

from projections.availability.fold import HashChange
from projections.item_facts import ItemChange
from projections.stock_levels.fold import LevelChange
from replay.bulk.folds import Key, Levels, add_hash


def merge_levels(known: Levels, later: Levels) -> None:
    """`later` becomes part of `known`."""
    levels = known.levels
    for key, change in later.levels.items():
        if (before := levels.get(key)) is None:
            levels[key] = change
        else:
            _add_level(before, change)
    for item_key, item in later.items.items():
        if (described := known.items.get(item_key)) is None:
            known.items[item_key] = item
        else:
            _add_item(described, item)
    known.locations |= later.locations


def merge_hashes(known: dict[Key, HashChange], later: dict[Key, HashChange]) -> None:
    """`later` becomes part of `known`."""
    for key, change in later.items():
        if (before := known.get(key)) is None:
            known[key] = change
        else:
            add_hash(before, change)


def _add_level(known: LevelChange, later: LevelChange) -> None:
    known.last = later.last
    known.on_hand += later.on_hand
    known.reserved += later.reserved
    known.committed += later.committed
    known.picked += later.picked
    known.held += later.held
    if later.shortfall is not None:
        known.shortfall = later.shortfall
    if later.counted_at is not None:
        earlier = known.counted_at
        known.counted_at = later.counted_at if earlier is None else max(earlier, later.counted_at)


def _add_item(known: ItemChange, later: ItemChange) -> None:
    known.last = later.last
    known.is_whole |= later.is_whole
    known.discontinued |= later.discontinued
    if later.description is not None:
        known.description = later.description
