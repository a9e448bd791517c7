"""docs/events.md, out of the code: every event, its fields and what they mean, since when.

`make events` writes it; a test fails while it says something else than the code.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from eventlog.codec import TYPE_NAMES
from eventlog.upcasters import STEPS, next_version

HEAD = """# Events
Made by `make events` out of `domain/facts/`: change it there. Every event of a ledger, by the
stream it belongs to, as it is stored: compact JSON of the fields in this order, without those that
equal their default. Units are whole; instants are RFC 3339 in UTC; money is in millionths of the
currency's major unit. When it happened (`occurred_at`), who asked and by which command stand in the
envelope. A stored shape never changes: a further field is a new version, and readers bring older
ones up to it.
"""
HEADING = re.compile(r"^## \[?([^\]\s]+)", re.MULTILINE)
SECTION = re.compile(r"^### Events\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
FACT = re.compile(r"`([a-z_]+\.[a-z_]+)(?:\.v\d+)?`")
PACKAGE = "domain.facts"
WORDS: Mapping[object, str] = {
    str: "text", int: "whole number", bool: "true or false", type(None): "null"
}  # fmt: skip


def render(changelog: str) -> str:
    """The whole page. `changelog` says since when."""
    since = _since(changelog)
    by_module: dict[str, list[type]] = {}
    for fact in TYPE_NAMES:
        by_module.setdefault(fact.__module__, []).append(fact)
    parts = [HEAD]
    for module, facts in by_module.items():
        parts.append(f"## {module.removeprefix(PACKAGE + '.').replace('_', ' ').capitalize()}")
        parts.append(_text(inspect.getdoc(sys.modules[module]) or ""))
        parts += [_event(fact, since) for fact in facts]
        parts += [_part(part) for part in _parts_of(facts)]
    return "\n".join(parts)


def undescribed() -> list[str]:
    """Facts that say nothing about themselves."""
    return [fact.__name__ for fact in TYPE_NAMES if not meaning(fact)]


def meaning(described: type) -> str:
    """Its docstring; empty when it has none but what `dataclass` makes up."""
    found = inspect.cleandoc(described.__doc__ or "")
    return "" if found.startswith(f"{described.__name__}(") else found


def named_since(changelog: str, fact: str) -> str | None:
    """The first release whose list of events names a fact, such as `stock.picked`."""
    return _since(changelog).get(fact)


def _since(changelog: str) -> dict[str, str]:
    found: dict[str, str] = {}
    releases = HEADING.split(changelog)[1:]
    # The newest release comes first: an older one that names it overrules.
    for name, text in zip(releases[::2], releases[1::2], strict=True):
        for section in SECTION.findall(text):
            for fact in FACT.findall(section):
                found[fact] = name
    return found


def _event(fact: type, since: Mapping[str, str]) -> str:
    name = TYPE_NAMES[fact]
    release = since.get(name.rpartition(".v")[0], "?")
    lines = [f"### `{name}`", f"{fact.__name__}, since {release}. {_text(meaning(fact))}".rstrip()]
    if older := _older(name):
        lines.append(f"Older shapes that are read as this one: {', '.join(older)}.")
    return "\n".join([*lines, "", *_table(fact)])


def _part(part: type) -> str:
    return "\n".join([f"### {part.__name__}", _text(meaning(part)) or "A part.", "", *_table(part)])


def _table(described: type) -> Iterator[str]:
    hints = get_type_hints(described)
    yield "| field | holds | when left out |"
    yield "| --- | --- | --- |"
    for field in fields(described):
        yield f"| `{field.name}` | {_kind(hints[field.name])} | {_default(field)} |"
    yield ""


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return {"": "empty", "None": "none", "()": "empty"}.get(
            str(field.default), f"`{field.default}`"
        )
    return "never" if field.default_factory is MISSING else "empty"


def _kind(hint: Any) -> str:  # noqa: ANN401 - a type hint has no type
    if get_origin(hint) is Literal:
        return " \\| ".join(f"`{each}`" for each in get_args(hint))
    if get_origin(hint) is tuple:
        return f"list of {_kind(get_args(hint)[0])}"
    if get_origin(hint) is dict:
        return "text by text"
    if choices := [each for each in get_args(hint) if each is not type(None)]:
        return " \\| ".join(map(_kind, choices))
    if is_dataclass(hint):
        return str(getattr(hint, "__name__", hint))
    return WORDS.get(hint) or {"datetime": "instant", "date": "day"}[hint.__name__]


def _parts_of(facts: list[type]) -> list[type]:
    """The types that fields of these facts are made of, each once."""
    found: dict[type, None] = {}
    waiting = list(facts)
    while waiting:
        for hint in get_type_hints(waiting.pop(0)).values():
            for inner in (hint, *get_args(hint)):
                if isinstance(inner, type) and is_dataclass(inner) and inner not in found:
                    found[inner] = None
                    waiting.append(inner)
    return list(found)


def _older(name: str) -> list[str]:
    """The stored names that are upcast to this one, the oldest first."""
    fact = name.rpartition(".v")[0]
    return [f"`{step}`" for step in sorted(STEPS) if next_version(step).startswith(f"{fact}.v")]


def _text(docstring: str) -> str:
    """A docstring's paragraphs as Markdown has them."""
    paragraphs = docstring.split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def main() -> None:
    """Write the page of the tree this is run in."""
    root = Path(__file__).parents[1]
    text = render((root / "CHANGELOG.md").read_text("utf-8"))
    (root / "docs" / "events.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
