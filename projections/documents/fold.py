"""Documents as the events of their streams leave them: pure; rows come in and go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.events import Event
from eventlog.log import RecordedEvent
from eventlog.projection import PoisonEventError
from projections.documents.kind import NotBegunError
from projections.documents.kinds import KIND_OF, KINDS
from projections.reading import read

DocumentKey = tuple[str, str, str]
"""(ledger, kind, id)"""
DocumentFacts = Mapping[DocumentKey, Sequence[tuple[RecordedEvent, Event]]]


@dataclass(slots=True, kw_only=True)
class Document:
    """One row. `body` is the state of its kind. `opened_at`: when its first event happened."""

    tenant: str
    ledger: str
    kind: str
    id: str
    status: str
    refs: list[str]
    body: Any
    opened_at: datetime
    opened_position: int
    position: int
    recorded_at: datetime


def document_facts(events: Iterable[RecordedEvent]) -> DocumentFacts:
    """Those of `events` that documents are made from, by document. Raises `PoisonEventError`."""
    found: dict[DocumentKey, list[tuple[RecordedEvent, Event]]] = {}
    for event in events:
        kind = KIND_OF.get(event.type)
        if kind is None:
            continue
        stream_kind, _, name = event.stream.partition("-")
        if stream_kind != kind.name:
            raise PoisonEventError(event, f"it stands in {event.stream}, no stream of its kind")
        found.setdefault((event.ledger, kind.name, name), []).append((event, read(event)))
    return found


def begun_earlier(facts: DocumentFacts) -> list[DocumentKey]:
    """Documents whose stream does not begin with these facts: their rows must be read."""
    return [key for key, told in facts.items() if told[0][0].stream_version > 1]


def fold(rows: MutableMapping[DocumentKey, Document], facts: DocumentFacts) -> None:
    """Change `rows` by the facts. Raises `PoisonEventError`."""
    for key, told in facts.items():
        rows[key] = _folded(key, rows.get(key), told)


def later_than(rows: Mapping[DocumentKey, Document], facts: DocumentFacts) -> DocumentFacts:
    """The facts that their rows do not show yet."""
    found: dict[DocumentKey, Sequence[tuple[RecordedEvent, Event]]] = {}
    for key, told in facts.items():
        shown = rows[key].position if key in rows else 0
        if fresh := [each for each in told if each[0].ledger_position > shown]:
            found[key] = fresh
    return found


def _folded(
    key: DocumentKey, before: Document | None, told: Sequence[tuple[RecordedEvent, Event]]
) -> Document:
    ledger, kind_name, name = key
    kind = KINDS[kind_name]
    first, last = told[0][0], told[-1][0]
    try:
        state = kind.fold(
            None if before is None else before.body,
            name,
            [(fact, event.occurred_at) for event, fact in told],
        )
    except NotBegunError as error:
        raise PoisonEventError(told[error.number][0], error) from error
    return Document(
        tenant=last.tenant,
        ledger=ledger,
        kind=kind_name,
        id=name,
        status=kind.status(state),
        refs=sorted(set(kind.refs(state))),
        body=state,
        opened_at=first.occurred_at if before is None else before.opened_at,
        opened_position=first.ledger_position if before is None else before.opened_position,
        position=last.ledger_position,
        recorded_at=last.recorded_at,
    )
