"""Pages of lists: a cursor names the row after which the next page begins, and for what list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Query

from api.problems import FieldError, Problem
from api.sealing import BrokenSealError, Sealer

LIMIT_MAX = 1_000
LIMIT = 100
PURPOSE = "cursor"
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Rows on a page.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the page before; the other parameters stay the same."),
]
Row = TypeVar("Row")
Key: TypeAlias = Sequence[str | int]
Filters: TypeAlias = Mapping[str, str | int | None]


class Pages:
    """Cursors of one list: `name` is its operation, `version` that of its read model."""

    def __init__(
        self, sealer: Sealer, *, tenant: str, name: str, version: int, filters: Filters
    ) -> None:
        self._sealer = sealer
        self._tenant = tenant
        self._list = [name, version, dict(filters)]

    def after(self, cursor: str | None) -> list[str | int] | None:
        """The key of the last row that was seen; None for the first page. Raises Problem."""
        if cursor is None:
            return None
        try:
            content = self._sealer.open(PURPOSE, self._tenant, cursor)
        except BrokenSealError:
            raise _unusable("give next_cursor as it stood in the page before") from None
        assert isinstance(content, list)
        *of, key = content
        if of != self._list:
            raise _unusable("it is of another list, or the list was rebuilt: begin again")
        return list(key)

    def following(self, rows: Sequence[Row], limit: int, key: Callable[[Row], Key]) -> str | None:
        """The cursor of the page after these rows; None when a short page shows the end."""
        if len(rows) < limit:
            return None
        return self._sealer.seal(PURPOSE, self._tenant, [*self._list, list(key(rows[-1]))])


def begun_on(sealer: Sealer, tenant: str, cursor: str | None) -> int | None:
    """The version that a list was begun on; None for a first page, or a cursor that is not ours."""
    if cursor is None:
        return None
    try:
        content = sealer.open(PURPOSE, tenant, cursor)
    except BrokenSealError:
        return None
    assert isinstance(content, list)
    return int(content[1])


def _unusable(remedy: str) -> Problem:
    return Problem(
        "invalid_cursor",
        "The cursor cannot be used.",
        errors=[FieldError(pointer="query/cursor", detail=remedy)],
    )
