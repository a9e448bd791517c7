"""Position tokens: what a writer is given, and a reader may wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.problems import FieldError, Problem
from api.sealing import BrokenSealError, Sealer

PURPOSE = "position"
PARAMETER = "query/min_position"
DIGITS_MAX = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Makes and reads the tokens of one life of the store (`epoch`)."""

    sealer: Sealer
    epoch: int

    def token(self, tenant: str, positions: Mapping[str, int]) -> str | None:
        """A token for the positions by ledger name; None for none."""
        if not positions:
            return None
        return self.sealer.seal(PURPOSE, tenant, [self.epoch, positions])

    def wanted(self, tenant: str, ledger: str, given: str) -> int:
        """The position that a `min_position` asks for. Raises Problem."""
        if given.isdecimal() and given.isascii() and len(given) <= DIGITS_MAX:
            return int(given)
        try:
            content = self.sealer.open(PURPOSE, tenant, given)
        except BrokenSealError:
            raise _unreadable("give a position, or a token as an answer carried it") from None
        assert isinstance(content, list)
        epoch, positions = content
        if epoch != self.epoch:
            raise _unreadable("an older copy of the store was restored since; read without it")
        if ledger not in positions:
            raise _unreadable("the token is for another ledger; name that one")
        return int(positions[ledger])


def _unreadable(remedy: str) -> Problem:
    return Problem(
        "invalid_token",
        "min_position cannot be used.",
        errors=[FieldError(pointer=PARAMETER, detail=remedy)],
    )
