"""What the code that folds an event is, as a hash: it changes when the code's meaning may have.

Comments, docstrings and layout are no part of it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from types import FunctionType, ModuleType

from eventlog import upcasters
from projections import item_facts, stock_facts
from projections.availability import fold as availability_fold
from projections.availability import shard_store
from projections.editions import Edition
from projections.item_facts import ITEM_STORED, LOCATION_STORED
from projections.movements import dimensions as movements_dimensions
from projections.movements import fold as movements_fold
from projections.movements import schema as movements_schema
from projections.orders import fold as orders_fold
from projections.orders import tables as orders_tables
from projections.orders.fold import CHARGE_STORED, ORDER_STORED
from projections.stock_levels import fold as stock_levels_fold
from projections.stock_levels import tables as stock_levels_tables

# What every event of the projection goes through.
SHARED: Mapping[str, Sequence[ModuleType]] = {
    "stock_levels": (stock_levels_fold, stock_levels_tables),
    "orders": (orders_fold, orders_tables),
    "availability": (availability_fold, shard_store),
    "movements": (movements_fold, movements_dimensions, movements_schema),
}
OF_ITEMS: Sequence[ModuleType] = (item_facts,)


def fingerprints(projection: str, edition: Edition) -> dict[str, str]:
    """Stored event type -> SHA-256, in hex, for each type that the projection handles."""
    shared = "".join(map(_of_module, (*SHARED[projection], upcasters)))
    found = {}
    if projection == "orders":
        found = dict.fromkeys(ORDER_STORED | CHARGE_STORED, shared)
    else:
        decoding = _of_source(inspect.getsource(stock_facts.StockFact))
        for stored, rule in edition.rules.items():
            assert isinstance(rule.move, FunctionType)
            found[stored] = shared + decoding + _of_source(inspect.getsource(rule.move))
        items = ITEM_STORED if projection == "availability" else ITEM_STORED | LOCATION_STORED
        found |= dict.fromkeys(items, shared + "".join(map(_of_module, OF_ITEMS)))
    return {
        stored: sha256(f"{stored}\0{code}".encode()).hexdigest()
        for stored, code in sorted(found.items())
    }


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """The stored types that two fingerprints disagree about."""
    return frozenset(
        stored for stored in before.keys() | after.keys() if before.get(stored) != after.get(stored)
    )


@cache
def _of_module(module: ModuleType) -> str:
    return _of_source(inspect.getsource(module))


@cache
def _of_source(source: str) -> str:
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            if isinstance(node, ast.FunctionDef):
                node.name = "_"  # The edition's own name for it says nothing.
    return ast.dump(tree)
