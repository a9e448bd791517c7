"""What a stock was before and after each of some movements, by position: a question to `movements`.

The rows of their SKUs are summed between one movement and the next, so the answer takes one pass
over what the ledger has of them and is as long as the page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from clickhouse_connect.driver.client import Client

from projections.movements.corrections import OF_LEDGER, PLAIN
from projections.queries.movements import Balance, Movement, select

Units = tuple[int, ...]
"""On hand, reserved, committed, picked, held."""

# roundDown: the last of the page's positions before a row's own, 0 before the first.
SUMS: Final = f"""
SELECT sku, location, roundDown(toInt64(position) - 1, {{positions:Array(Int64)}}) AS behind,
       sum(on_hand_delta), sum(reserved_delta), sum(committed_delta), sum(picked_delta),
       sum(held_delta)
  FROM {PLAIN} WHERE {OF_LEDGER} AND sku IN {{skus:Array(String)}}
 GROUP BY sku, location, behind ORDER BY behind
"""


def with_balances(
    client: Client, places: Mapping[str, str], ledger: str, found: Sequence[Movement]
) -> list[Movement]:
    """The same movements, with `before` and `after`. Raises `StoreUnavailableError`."""
    if not found:
        return []
    positions = sorted(each.position for each in found)
    values = {"positions": [0, *positions], "skus": sorted({each.sku for each in found})}
    sums: dict[tuple[str, str], list[tuple[int, Units]]] = defaultdict(list)
    rows = select(client, SUMS, places, ledger, positions[-1], values)
    for sku, location, behind, *units in rows:
        sums[sku, location].append((behind, tuple(units)))
    running = {stock: list(accumulate(each, _added)) for stock, each in sums.items()}
    return [_with_balance(each, running[each.sku, each.location]) for each in found]


def _added(so_far: tuple[int, Units], more: tuple[int, Units]) -> tuple[int, Units]:
    return more[0], tuple(a + b for a, b in zip(so_far[1], more[1], strict=True))


def _with_balance(movement: Movement, running: Sequence[tuple[int, Units]]) -> Movement:
    after = next(units for behind, units in reversed(running) if behind < movement.position)
    moved = (
        movement.on_hand_delta,
        movement.reserved_delta,
        movement.committed_delta,
        movement.picked_delta,
        movement.held_delta,
    )
    before = tuple(units - by for units, by in zip(after, moved, strict=True))
    return replace(movement, before=_balance(before), after=_balance(after))


def _balance(units: Units) -> Balance:
    on_hand, *promised = units
    reserved, committed, picked, held = promised
    return Balance(
        on_hand=on_hand,
        reserved=reserved,
        committed=committed,
        picked=picked,
        held=held,
        available=on_hand - sum(promised),
    )
