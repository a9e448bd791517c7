"""What the client gives back: answers as values, and two exceptions."""

from __future__ import annotations

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """`pointer` is a JSON pointer into the request's body, or names a parameter or header."""

    pointer: str
    detail: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one command. `status` is what the command alone would get as HTTP status.

    `outcome`: accepted, refused, key_conflict, not_applied (its atomic bulk failed on another
    line), invalid (`errors` say why) or failed (no answer could be had; send the key again).
    `refusal` has `code`, `detail` and the refusal's own fields. Positions are None without events.
    """

    key: str | None = None
    index: int = 0
    status: int = 200
    outcome: str
    ledger: str | None = None
    replayed: bool = False
    first_position: int | None = None
    last_position: int | None = None
    version: int | None = None
    result: dict[str, object] | None = None
    refusal: dict[str, object] | None = None
    errors: list[FieldError] = []
    token: str | None = None

    @property
    def accepted(self) -> bool:
        return self.outcome == "accepted"


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer per command, in order. `token` covers all of them; None when nothing was written.

    `position` is the highest one when the commands named a single ledger.
    """

    results: list[Answer]
    token: str | None = None
    position: int | None = None


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    outcome: str
    first_position: int | None = None
    last_position: int | None = None
    answer: dict[str, object]


class ApiError(Exception):
    """The API refused the request as a whole. `code` is stable; `errors` name fields."""

    def __init__(self, status: int, code: str, detail: str, errors: list[FieldError]) -> None:
        named = "; ".join(f"{each.pointer}: {each.detail}" for each in errors[:5])
        super().__init__(f"{status} {code}: {detail}" + (f" ({named})" if named else ""))
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors


class UnreachableError(Exception):
    """No answer in time, however often asked. Whether a command took effect, its key tells."""

    def __init__(self, method: str, path: str, last: str) -> None:
        super().__init__(f"{method} {path} got no answer in time; last: {last}")
        self.last = last
