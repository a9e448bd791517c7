"""What a kind's own fold is to this check, and how instants stand in a document."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from replay.verify.rows import EventRow

Data = dict[str, Any]


class DocumentFold(Protocol):
    """One document, as its stream's events so far leave it."""

    def apply(self, row: EventRow, data: Data) -> None:
        """One more event. Raises KeyError, TypeError or ValueError on what it cannot read."""

    def status(self) -> str: ...

    def refs(self) -> Collection[str]:
        """In any order, and as often as they come up."""

    def body(self) -> Mapping[str, Any]:
        """As JSON has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKind:
    """`types`: the stored types of its events. `begin`: an empty fold, by the stream's id.

    `names`: the fields of an event that make up the stream's id, joined by `@`; none where `only`
    is the id of the ledger's one stream.
    """

    types: tuple[str, ...]
    begin: Callable[[str], DocumentFold]
    names: tuple[str, ...]
    only: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class Document:
    """A row of the read model."""

    fold: DocumentFold
    opened_at: datetime
    opened_position: int
    position: int
    recorded_at: datetime


def instant(at: datetime) -> str:
    """As a document's body has it: RFC 3339 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
