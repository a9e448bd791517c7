"""A fingerprint changes with whatever decides what an event comes to, and with nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import NamedTuple

import msgspec
import pytest

import projections
from eventlog import upcasters
from eventlog.upcasters import Fields
from projections.catalogue import STORES
from projections.code_text import text_of
from projections.documents.items import ITEMS as DOCUMENTED_ITEMS
from projections.documents.locations import LOCATIONS
from projections.documents.stocks import STOCKS
from projections.editions import EDITIONS, RETURNS_TWICE, TODAY, Edition
from projections.fingerprints import changed, fingerprints
from projections.item_facts import ITEM_STORED, LOCATION_STORED
from projections.stock_facts import RETURNED, SHIPPED, Move, StockFact, StockRule

ROOT = Path(projections.__file__).parent.parent
PACKAGES = ("domain", "eventlog", "projections")
# One process with the libraries, and a child of it for every edit: each imports the code anew.
READ = """
import json, os, pathlib, sys
import clickhouse_connect, msgspec, psycopg, redis

edits = json.load(sys.stdin)
answers = {}
for name, (path, old, new) in edits.items():
    file = pathlib.Path(path)
    before = file.read_text()
    assert old in before, (name, old)
    file.write_text(before.replace(old, new))
    reading, writing = os.pipe()
    if os.fork() == 0:
        from projections import catalogue, editions, fingerprints
        assert pathlib.Path(catalogue.__file__).is_relative_to(os.getcwd())
        found = {
            each: fingerprints.fingerprints(each, editions.TODAY) for each in catalogue.STORES
        }
        with open(writing, "w") as out:
            json.dump(found, out)
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        answers[name] = json.load(answer)
    os.wait()
    file.write_text(before)
json.dump(answers, sys.stdout)
"""
Found = Mapping[str, Mapping[str, str]]
# Stored fingerprints hold only while this does: a change of it needs a line in the change log.
CRATE_SHA256 = "cdc37b7d3cc4bbc847149d5adc84f53cd8995a5179b2efca1848c4171c668716"


class Edit(NamedTuple):
    """`types`: read model -> the types whose fingerprints it changes; EVERY: all it handles."""

    path: str
    old: str
    new: str
    types: Mapping[str, frozenset[str] | None]


EVERY = None
OF_STOCK = ("stock_levels", "availability", "movements")
ITEMS = ITEM_STORED | LOCATION_STORED
EDITS = {
    "what one type moves": Edit(
        "projections/stock_facts.py",
        "return units, reserved, 0 if",
        "return units, reserved, 1 if",
        dict.fromkeys(OF_STOCK, frozenset({SHIPPED})),
    ),
    "the shape that stock events are read into": Edit(
        "projections/stock_facts.py",
        'to: str = "stock"',
        'to: str = "damaged"',
        dict.fromkeys(OF_STOCK, EVERY),
    ),
    "a bound in that shape": Edit(
        "projections/stock_facts.py",
        "UNITS_MAX = 2**53 - 1",
        "UNITS_MAX = 2**52",
        dict.fromkeys(OF_STOCK, EVERY),
    ),
    "how every fact is read": Edit(
        "projections/reading.py",
        "return decode(event.type, event.data)",
        "return decode(event.type, event.data[:9])",
        {**dict.fromkeys(STORES, EVERY), "stock_levels": ITEMS},
    ),
    "what columns are made of": Edit(
        "projections/arrays.py",
        "datetime(1970, 1, 1",
        "datetime(1971, 1, 1",
        dict.fromkeys(("stock_levels", "movements"), EVERY),
    ),
    "a fold of items": Edit(
        "projections/item_facts.py",
        "change.is_whole |=",
        "change.is_whole &=",
        {"stock_levels": ITEMS, "availability": ITEM_STORED, "movements": EVERY},
    ),
    "a script in Redis": Edit(
        "projections/availability/apply.lua",
        "after % 1 ~= 0",
        "after % 1 ~= 1",
        {"availability": EVERY},
    ),
    "a name of a field in Redis": Edit(
        "projections/availability/keys.py",
        'SAFETY_STOCK = "',
        'SAFETY_STOCK = "s',
        {"availability": EVERY},
    ),
    "the shape of one fact": Edit(
        "domain/facts/items.py",
        'what is left may go."""\n\n    sku: str',
        'what is left may go."""\n\n    sku: str | None',
        {
            **dict.fromkeys(OF_STOCK, frozenset({"item.discontinued.v1"})),
            "documents": frozenset(DOCUMENTED_ITEMS.types),
        },
    ),
    "what the domain makes of an event": Edit(
        "domain/item.py",
        "replace(item, components=components)",
        "replace(item, components=())",
        {"documents": frozenset(DOCUMENTED_ITEMS.types)},
    ),
    "what the domain makes of a hold": Edit(
        "domain/moving_stock.py",
        "known.quantity > units",
        "known.quantity >= units",
        {"documents": frozenset(STOCKS.types)},
    ),
    "what a document is found by": Edit(
        "projections/documents/locations.py",
        'f"parent:',
        'f"within:',
        {"documents": frozenset(LOCATIONS.types)},
    ),
    "a comment and blank lines": Edit(
        "projections/stock_levels/fold.py", "\n\n\n", "\n# why\n\n\n\n\n", {}
    ),
}


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Found]:
    """Fingerprints after each edit of a copy of the code, and of the code as it is."""
    root = tmp_path_factory.mktemp("code")
    for package in PACKAGES:
        copytree(ROOT / package, root / package, ignore=ignore_patterns("__pycache__"))
    edits = {name: (edit.path, edit.old, edit.new) for name, edit in EDITS.items()}
    ran = subprocess.run(
        [sys.executable, "-c", READ],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONDONTWRITEBYTECODE": "1"},
        input=json.dumps(edits),
        capture_output=True,
        check=True,
        text=True,
    )
    return dict(json.loads(ran.stdout))


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_types_that_it_concerns(after: Mapping[str, Found], name: str) -> None:
    today = {each: fingerprints(each, TODAY) for each in STORES}
    wanted = {
        each: frozenset(today[each]) if types is EVERY else types
        for each, types in EDITS[name].types.items()
    }
    found = {each: changed(today[each], after[name][each]) for each in STORES}
    assert {each: types for each, types in found.items() if types} == wanted


def doubled(units: int) -> int:
    return units * FACTOR


def returned(fact: StockFact) -> Move:
    return doubled(fact.quantity), 0, 0, 0, 0


FACTOR = 2
RETURNS = TODAY.rules[RETURNED]._replace(move=returned)


def of_edition(rule: StockRule) -> dict[str, str]:
    rules = {**TODAY.rules, RETURNED: rule}
    return fingerprints("stock_levels", Edition(name="tried", rules=rules))


def test_a_constant_that_a_move_reaches_through_another_function_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = of_edition(RETURNS)
    monkeypatch.setitem(globals(), "FACTOR", 3)
    text_of.cache_clear()
    try:
        assert changed(before, of_edition(RETURNS)) == {RETURNED}
    finally:
        text_of.cache_clear()


def test_the_type_that_an_event_is_taken_for_counts() -> None:
    other = RETURNS._replace(type=SHIPPED)
    assert changed(of_edition(RETURNS), of_edition(other)) == {RETURNED}


def test_the_decoder_of_a_rule_counts() -> None:
    class Sparse(StockFact):
        quantity: int = 1

    other = RETURNS._replace(decode=msgspec.json.Decoder(Sparse).decode)
    assert changed(of_edition(RETURNS), of_edition(other)) == {RETURNED}


def test_a_step_from_an_older_shape_counts_for_that_shape_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step(fields: Fields) -> Fields:
        return fields

    before = fingerprints("stock_levels", TODAY)
    rules = {**TODAY.rules, "stock.received.v0": TODAY.rules["stock.received.v1"]}
    steps = {**upcasters.STEPS, "stock.received.v0": step}
    monkeypatch.setattr(upcasters, "STEPS", steps)
    after = fingerprints("stock_levels", Edition(name="tried", rules=rules))
    assert changed(before, after) == {"stock.received.v0"}


def test_the_name_of_an_edition_s_own_function_says_nothing() -> None:
    def renamed(fact: StockFact) -> Move:
        return doubled(fact.quantity), 0, 0, 0, 0

    assert changed(of_edition(RETURNS), of_edition(RETURNS._replace(move=renamed))) == frozenset()


@dataclass(frozen=True)
class Crate:
    """Its text has what versions of Python show differently: empty lists, None, type parameters."""

    units: int = 0
    label: str | None = None

    def tall(self, *more: int, **named: int) -> str:
        """Say how tall."""
        return f"{doubled(self.units):>{len(more)}} \u00e9" if named else "\u200b"


def test_the_text_of_code_is_the_same_under_every_version_of_python() -> None:
    text = text_of(Crate, (__name__,))
    assert sha256(text.encode()).hexdigest() == CRATE_SHA256, text


def test_the_planted_mistake_is_a_change_of_returns_alone() -> None:
    for projection in OF_STOCK:
        planted = fingerprints(projection, EDITIONS[RETURNS_TWICE])
        assert changed(fingerprints(projection, TODAY), planted) == {RETURNED}
