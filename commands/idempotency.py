"""Law 3: the same key has one effect and one answer; the same key with another body is refused."""

from __future__ import annotations

from collections.abc import Mapping

from commands.answers import declined, replayed
from commands.refusals import KeyConflict
from commands.submission import Answer
from eventlog.log import StoredAnswer

LedgerKey = tuple[str, str]  # ledger, key


class KnownKeys:
    """What each key led to: in the log, as looked up under the lock, or earlier in the batch.

    `kept` are the ones of this batch, so that what an all-or-nothing part would have done
    can be taken back.
    """

    __slots__ = ("_below", "kept")

    def __init__(self, below: Mapping[LedgerKey, StoredAnswer] | KnownKeys) -> None:
        self._below = below
        self.kept: dict[LedgerKey, StoredAnswer] = {}

    def get(self, key: LedgerKey) -> StoredAnswer | None:
        found = self.kept.get(key)
        return self._below.get(key) if found is None else found

    def answer(self, key: LedgerKey, body_hash: bytes) -> Answer | None:
        """The answer a key is bound to already, if it is."""
        found = self.get(key)
        if found is None:
            return None
        if found.body_hash == body_hash:
            return replayed(found)
        return declined("key_conflict", key[0].partition("/")[2], KeyConflict(key=key[1]))

    def keep(self, key: LedgerKey, body_hash: bytes, answer: Answer) -> None:
        self.kept[key] = StoredAnswer(
            body_hash=body_hash,
            accepted=answer.outcome == "accepted",
            answer=answer.body,
            first_position=answer.first_position,
            last_position=answer.last_position,
        )
