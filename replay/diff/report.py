"""A stored difference as one HTML file: nothing in it is fetched, and all of it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from replay.history import faults_of_history

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --good: #56d364; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
         vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font-size: .9em; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); }
summary { cursor: pointer; } details { background: var(--soft); padding: .3rem .8rem; }
.wide { overflow-x: auto; }
"""
EVENTS_SHOWN: Final = 3


def html_report(replay_id: str, document: Mapping[str, Any]) -> str:
    """The whole page. `document`: as `replays.diff` holds it, and its `difference_sha256`."""
    surprises = int(document["surprises"])
    verdict = (
        '<p class="good">No surprises: every difference is expected.</p>'
        if surprises == 0
        else f'<p class="bad">{surprises:,} differing cells are surprises.</p>'
    )
    digest = document.get("difference_sha256")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Difference of replay {escape(replay_id)}</title><style>{STYLE}</style></head>",
        f"<body><h1>Difference</h1><p>Replay <code>{escape(replay_id)}</code></p>{verdict}",
        f"<p>Its SHA-256: <code>{escape(digest)}</code></p>" if digest else "",
        *(
            f'<p class="bad">{escape(fault)}</p>'
            for fault in faults_of_history(document.get("history"))
        ),
        _rules(document.get("rules", ())),
    ]
    for name, found in sorted(document["projections"].items()):
        parts.append(_projection(name, found, document["at"].get(name, {})))
    parts.append("</body></html>")
    return "\n".join(parts) + "\n"


def _rules(rules: Sequence[Mapping[str, Any]]) -> str:
    if not rules:
        return "<p>No difference was expected.</p>"
    rows = (
        (rule["text"], f"{rule['cells']:,}" if rule["cells"] else "matched nothing")
        for rule in rules
    )
    return "<h2>Expected</h2>" + _table(("rule", "cells"), rows)


def _projection(name: str, found: Mapping[str, Any], at: Mapping[str, Sequence[int]]) -> str:
    older, newer = found["versions"]
    sums = found["checksums"]
    figures = _table(
        ("cells compared", "differing", "expected", "surprises"),
        [[f"{found[each]:,}" for each in ("cells", "differing", "expected", "surprises")]],
    )
    causes = _table(
        ("type of the events", "field", "cause", "cells", "expected"),
        (
            (
                cause["type"],
                cause["field"],
                cause["code"],
                f"{cause['cells']:,}",
                f"{cause['expected']:,}",
            )
            for cause in found["causes"]
        ),
    )
    examples = "".join(
        f"<h4>{escape(cause['type'])}, {escape(cause['field'])}</h4>{_examples(cause['examples'])}"
        for cause in found["causes"]
    )
    same = "the same" if sums["from"] == sums["to"] else "not the same"
    return (
        f"<section><h2>{escape(name)}: v{older} → v{newer}</h2>"
        f"<p>Checksums are {same}: <code>{escape(sums['from'])}</code>,"
        f" <code>{escape(sums['to'])}</code></p>{figures}"
        + (f"<h3>Causes</h3>{causes}" if found["causes"] else "")
        + (f"<details><summary>Examples</summary>{examples}</details>" if examples else "")
        + f"<details><summary>Shards</summary>{_shards(found['shards'], at)}</details></section>"
    )


def _examples(examples: Iterable[Mapping[str, Any]]) -> str:
    told = {"place", "tenant", "ledger", "field", "older", "newer", "expected", "type", "code"}
    left = told | {"events", "event_count"}
    rows = (
        (
            each["ledger"],
            ", ".join(f"{name} {value}" for name, value in each.items() if name not in left),
            each["older"],
            each["newer"],
            "expected" if each["expected"] else "surprise",
            _events(each),
        )
        for each in examples
    )
    return _table(("ledger", "key", "older", "newer", "", "events"), rows)


def _events(example: Mapping[str, Any]) -> str:
    shown = [
        f"{event['position']} {event['type']} {event['event_id']}"
        for event in example["events"][:EVENTS_SHOWN]
    ]
    more = example["event_count"] - len(shown)
    return "; ".join(shown) + (f"; {more:,} more" if more > 0 else "")


def _shards(shards: Iterable[Mapping[str, Any]], at: Mapping[str, Sequence[int]]) -> str:
    rows = (
        (
            each["place"],
            each["shard"],
            " to ".join(f"{position:,}" for position in at.get(str(each["shard"]), ())),
            *(f"{rows:,}" for rows in each["rows"]),
            *each["checksums"],
        )
        for each in shards
    )
    head = ("place", "shard", "compared at", "rows older", "rows newer", "older", "newer")
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="wide">{table}</div>'
