"""Law 3: each command key has one effect and one answer; and nobody's name stands beside it.

Events without a command id have no key row: they were written through the `eventsourcing` library,
which knows no commands. The id is hashed with the event, so it cannot be taken away unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from replay.verify.report import LawResult
from replay.verify.rows import EventRow, KeyRow, LedgerRow

HASH_BYTES = 32
ACTOR = re.compile(r"sub_[0-9a-f]{32}|key_[A-Za-z0-9]+|system_[a-z0-9_]+")
CUSTOMER = re.compile(r"sub_[0-9a-f]{32}")


class Metadata(msgspec.Struct, frozen=True, gc=False):
    """What is looked at of an event's metadata."""

    actor: str | None = None
    command_id: str | None = None


class StoredAnswer(msgspec.Struct, frozen=True, gc=False):
    """What is looked at of the answer that every retry of a command gets."""

    outcome: str
    ledger: str
    first_position: int | None = None
    last_position: int | None = None


_metadata = msgspec.json.Decoder(Metadata).decode
_answer = msgspec.json.Decoder(StoredAnswer).decode


class MetadataReader:
    """The events of one command stand together and share their metadata: decoded once."""

    def __init__(self) -> None:
        self._bytes = b""
        self._decoded = Metadata()

    def read(self, stored: bytes) -> Metadata:
        """Raises msgspec.DecodeError, UnicodeDecodeError."""
        if stored != self._bytes:
            self._decoded = _metadata(stored)
            self._bytes = stored
        return self._decoded


class OnceCheck:
    """Walks one ledger's events and its key rows, both by position, side by side."""

    def __init__(self, law: LawResult, ledger: LedgerRow, keys: Iterator[KeyRow]) -> None:
        self._law = law
        self._ledger = ledger
        self._keys = keys
        self._actors: set[str | None] = {None}
        self._covers = (0, 0)
        self._key: KeyRow | None = None
        self._met = True
        self._position = 0
        self._recorded_at = ledger.recorded_at
        self._next()
        self.without_command = 0

    def event(self, row: EventRow, metadata: Metadata) -> None:
        self._law.checked += 1
        self._position = row.position
        while self._covers[1] < row.position:
            self._next()
        first, _ = self._covers
        key = self._key
        if row.position < first or key is None:
            self._uncovered(row, metadata)
        elif metadata.command_id != key.key:
            self._law.differ(
                where=f"command of {row.name}",
                expected=f"{key.key!r}, whose key row names positions {first} to {self._covers[1]}",
                found=metadata.command_id,
            )
        elif row.position == first:
            self._recorded_at = row.recorded_at
            self._answered(key)
        elif row.recorded_at != self._recorded_at:
            self._law.differ(
                where=f"recorded_at of {row.name}",
                expected=f"{self._recorded_at}, as of command {key.key!r}'s first event",
                found=row.recorded_at,
            )
        if row.position == first:
            self._met = True
        if metadata.actor not in self._actors:
            self._opaque(f"actor of {row.name}", metadata.actor or "", ACTOR)
            self._actors.add(metadata.actor)

    def customer(self, row: EventRow, customer: str | None) -> None:
        """Of an order that was placed."""
        self._law.checked += 1
        if customer is not None:
            self._opaque(f"customer of {row.name}", customer, CUSTOMER)

    def end(self) -> None:
        """Call after the last event: what is left names none, or some that are gone."""
        while self._key is not None:
            self._next()

    def _next(self) -> None:
        """On to the next key row that names events; those that name none come last."""
        before = self._key
        if before is not None and (not self._met or self._covers[1] > self._position):
            self._law.differ(
                where=self._where(before),
                expected=f"events at positions {before.first_position} to {before.last_position}",
                found=f"a log that ends at {self._position}"
                if self._covers[1] > self._position
                else "events of other commands",
            )
        for key in self._keys:
            if key.first_position is not None and key.last_position is not None:
                self._key, self._met = key, False
                self._covers = (key.first_position, key.last_position)
                return
            self._law.checked += 1
            self._answered(key)
        self._key, self._covers, self._met = None, (1 << 63, 1 << 63), True

    def _uncovered(self, row: EventRow, metadata: Metadata) -> None:
        if metadata.command_id is None:
            self.without_command += 1
        else:
            self._law.differ(
                where=f"command of {row.name}",
                expected=f"a key row {metadata.command_id!r} that names position {row.position}",
                found="none",
            )

    def _answered(self, key: KeyRow) -> None:
        """What stands in the row itself, whether it names events or was refused."""
        try:
            answer = _answer(key.answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            answer = StoredAnswer(outcome=f"none that can be read: {error}", ledger="")
        positions = (key.first_position, key.last_position)
        told = (answer.outcome, answer.first_position, answer.last_position)
        found = (key.tenant, key.body_hash_bytes, answer.ledger, *told)
        owner, _, name = self._ledger.ledger.partition("/")
        outcome = "accepted" if key.accepted else "refused"
        expected = (owner, HASH_BYTES, name, outcome, *positions)
        if found != expected:
            self._law.differ(
                where=f"{self._where(key)}: tenant, bytes of the body hash, and its answer's"
                " ledger, outcome, first and last position",
                expected=expected,
                found=found,
            )
        if key.accepted != (key.first_position is not None):
            self._law.differ(
                where=self._where(key),
                expected="events of an accepted command, none of a refused one",
                found=f"{outcome}, positions {positions}",
            )
        if key.first_position is not None and key.recorded_at != self._recorded_at:
            self._law.differ(
                where=f"{self._where(key)}, recorded_at",
                expected=f"{self._recorded_at}, as of its events",
                found=key.recorded_at,
            )

    def _opaque(self, where: str, value: str, pattern: re.Pattern[str]) -> None:
        if not pattern.fullmatch(value):
            self._law.differ(where=where, expected="an opaque subject id", found=repr(value))

    def _where(self, key: KeyRow) -> str:
        return f"key row {key.key!r} of ledger {self._ledger.ledger}"
