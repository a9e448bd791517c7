"""What the code that folds an event is, as a hash: it changes when the code's meaning may have.

It covers how an event of the type is read (its shape, the steps from older shapes), what it moves,
and the modules that fold and write. How batches, checkpoints and outages are handled
(`projection.py`, `projections.postgres`) is no part of it: tests hold that to one result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import FunctionType, ModuleType
from typing import Any

from eventlog import upcasters
from eventlog.codec import EVENT_TYPES
from projections import item_facts
from projections.availability import fold as availability_fold
from projections.availability import shard_store
from projections.code_text import text_of
from projections.documents import fold as documents_fold
from projections.documents import tables as documents_tables
from projections.documents.kind import Kind
from projections.documents.kinds import KIND_OF
from projections.editions import Edition
from projections.item_facts import ITEM_STORED, LOCATION_STORED
from projections.movements import dimensions as movements_dimensions
from projections.movements import fold as movements_fold
from projections.movements import schema as movements_schema
from projections.orders import fold as orders_fold
from projections.orders import progress as orders_progress
from projections.orders import tables as orders_tables
from projections.orders.fold import CHARGE_STORED, ORDER_STORED
from projections.stock_facts import StockRule, read_stock
from projections.stock_levels import fold as stock_levels_fold
from projections.stock_levels import tables as stock_levels_tables

# What every event of the projection goes through, with what is imported into it.
SHARED: Mapping[str, Sequence[ModuleType]] = {
    "stock_levels": (stock_levels_fold, stock_levels_tables),
    "orders": (orders_fold, orders_progress, orders_tables),
    "documents": (documents_fold, documents_tables),
    "availability": (availability_fold, shard_store),
    "movements": (movements_fold, movements_dimensions, movements_schema),
}
# Orders are folded by the domain's own code.
BEYOND: Mapping[str, tuple[str, ...]] = {
    "orders": ("domain.order", "domain.order_fold", "domain.order_progress"),
}
SCRIPTS: Mapping[str, Sequence[str]] = {"availability": ("apply.lua",)}
PROJECTIONS = "projections"
DOMAIN = "domain"
FACTS = "domain.facts"
STEPS = "eventlog.upcasters"


def fingerprints(projection: str, edition: Edition) -> dict[str, str]:
    """Stored event type -> SHA-256, in hex, for each type that the projection handles."""
    if projection == "orders":
        found = {stored: _of_fact(stored) for stored in ORDER_STORED | CHARGE_STORED}
    elif projection == "documents":
        found = {stored: _of_fact(stored) + _of_kind(kind) for stored, kind in KIND_OF.items()}
    else:
        items = ITEM_STORED if projection == "availability" else ITEM_STORED | LOCATION_STORED
        folded = text_of(item_facts, (PROJECTIONS,))
        found = {stored: folded + _of_fact(stored) for stored in items}
        found |= {stored: _of_rule(stored, rule) for stored, rule in edition.rules.items()}
    shared = _shared(projection)
    return {
        stored: sha256(f"{stored}\0{shared}\0{code}".encode()).hexdigest()
        for stored, code in sorted(found.items())
    }


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """The stored types that two fingerprints disagree about."""
    return frozenset(
        stored for stored in before.keys() | after.keys() if before.get(stored) != after.get(stored)
    )


@cache
def _shared(projection: str) -> str:
    within = (PROJECTIONS, *BEYOND.get(projection, ()))
    texts = [text_of(module, within) for module in SHARED[projection]]
    directory = files(f"{PROJECTIONS}.{projection}")
    for name in SCRIPTS.get(projection, ()):
        lines = directory.joinpath(name).read_text(encoding="utf-8").splitlines()
        texts += [line.strip() for line in lines if not line.strip().startswith("--")]
    return "\n".join(texts)


def _of_fact(stored: str) -> str:
    """Of an event that is decoded into the fact that the domain knows."""
    steps, current = _steps(stored)
    return steps + text_of(EVENT_TYPES[current], (FACTS,))


def _of_kind(kind: Kind[Any]) -> str:
    """Of a kind of document: the domain's own fold is the code that makes it."""
    parts: tuple[Any, ...] = (kind.state, kind.fold, kind.status, kind.refs)
    return "\0".join((kind.name, *(text_of(part, (PROJECTIONS, DOMAIN)) for part in parts)))


def _of_rule(stored: str, rule: StockRule) -> str:
    steps, current = _steps(stored)
    older = text_of(EVENT_TYPES[current], (FACTS,)) if steps else ""
    # An edition may be written anywhere; its own name for a move says nothing.
    assert isinstance(rule.move, FunctionType)
    home = rule.move.__module__.partition(".")[0]
    read = text_of(read_stock, (PROJECTIONS,)) + text_of(rule.decode, (PROJECTIONS,))
    moved = text_of(rule.move, (PROJECTIONS, FACTS, home), is_named=False)
    return f"{steps}\0{older}\0{rule.type}\0{read}\0{moved}"


def _steps(stored: str) -> tuple[str, str]:
    """The code that makes today's shape of a stored one, and the name of that shape."""
    texts, current = [], stored
    while (step := upcasters.STEPS.get(current)) is not None:
        texts.append(text_of(step, (STEPS, step.__module__)))
        current = upcasters.next_version(current)
    return "\n".join(texts), current
