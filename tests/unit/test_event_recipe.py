"""Each event has all its parts (docs/adding-an-event.md): a test names those that are missing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.streams import kind_of
from eventlog.codec import KNOWN_TYPES, TYPE_NAMES, encode
from eventlog.upcasters import STEPS
from ops.event_catalogue import meaning, named_since, render
from projections.availability.projection import Availability
from projections.documents.projection import Documents
from projections.movements.projection import Movements
from projections.orders.projection import Orders
from projections.stock_levels.projection import StockLevels
from replay.verify import ledger as verifier
from tests.happenings import stream_of, year

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs/GLOSSARY.md").read_text("utf-8")
CATALOGUE = (ROOT / "docs/events.md").read_text("utf-8")
PINNED_HERE = (ROOT / "tests/unit/eventlog/test_codec.py").read_text("utf-8")
PINNED_FILES = {path.stem for path in (ROOT / "tests/pinned_events").glob("*.json")}
NAME = re.compile(r"[a-z]+\.[a-z_]+\.v[1-9]\d*")
HAPPENED = {encode(event)[0]: stream_of(event) for seed in range(4) for event, _ in year(seed, 900)}
PROJECTIONS = (StockLevels, Orders, Documents, Availability, Movements)
SHOWN = frozenset[str]().union(*(each.handles for each in PROJECTIONS))
# Of read models, not of goods: no command makes them and no read model shows them.
OF_READ_MODELS = {"replay.promoted.v1", "replay.rolled_back.v1"}
WORDS = {word.lower() for words in re.findall(r"^\| (\*\*.*?) \|", GLOSSARY, re.MULTILINE)
         for word in re.findall(r"\*\*(.+?)\*\*", words)}  # fmt: skip


def lacks(name: str, fact: type) -> list[str]:
    """The parts of the recipe that a type does not have yet."""
    stated = name.rpartition(".v")[0]
    parts = {
        "a name as <aggregate>.<fact>.v<n>": NAME.fullmatch(name),
        "a docstring that says what is true from here on": meaning(fact),
        "a pinned sample of its bytes": name in PINNED_FILES or f'"{name}"' in PINNED_HERE,
        "an occurrence in tests/happenings.py": name in HAPPENED or name in OF_READ_MODELS,
        "a stream of a kind there is": _has_stream(name),
        "a read model that shows it": name in SHOWN | OF_READ_MODELS,
        "verify's own fold": name in verifier.KNOWN_TYPES and verifier.is_ours(name),
        "its stream's word in the glossary": name.partition(".")[0] in WORDS,
        "a line under Events in the changelog": named_since(CHANGELOG, stated),
        "an entry in docs/events.md (make events)": f"### `{name}`" in CATALOGUE,
    }
    return [part for part, there in parts.items() if not there]


def _has_stream(name: str) -> bool:
    try:
        kind_of(HAPPENED.get(name, name.replace(".", "-")))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("fact", "name"), TYPE_NAMES.items(), ids=TYPE_NAMES.values())
def test_an_event_has_all_its_parts(fact: type, name: str) -> None:
    assert lacks(name, fact) == []


@pytest.mark.parametrize("older", sorted(STEPS))
def test_an_older_shape_stays_readable_everywhere(older: str) -> None:
    assert older in KNOWN_TYPES
    assert older in verifier.KNOWN_TYPES, "verify reads stored bytes: it names older shapes too"
    assert older in PINNED_FILES or f'"{older}"' in PINNED_HERE


def test_an_event_without_any_part_is_told_all_that_it_lacks() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class DragonSeen:
        sku: str

    assert len(lacks("dragon.Seen", DragonSeen)) == 10


def test_the_glossary_has_one_entry_for_one_word() -> None:
    entries = [row.split(" | ")[0] for row in GLOSSARY.splitlines() if row.startswith("| **")]
    words = Counter(word for entry in entries for word in re.findall(r"\*\*(.+?)\*\*", entry))
    assert [word for word, count in words.items() if count > 1] == []


def test_the_catalogue_of_events_says_what_the_code_says() -> None:
    assert render(CHANGELOG) == CATALOGUE, "run `make events`"


def test_the_catalogue_says_since_when() -> None:
    changelog = (
        "# Changelog\n## [2.0.0]\n### Events\n- `a.b` again, `c.d` (v2)\n### Migrations\n- `x.y`\n"
        "## [1.0.0]\n### Added\n- `e.f`\n### Events\n- `a.b`, `c.d.v1`\n"
    )
    found = [named_since(changelog, name) for name in ("a.b", "c.d", "e.f", "x.y")]
    assert found == ["1.0.0", "1.0.0", None, None]
