"""What any command reserves or gives back is counted in the ledger's quota."""

from __future__ import annotations

from commands.view import CommandView
from domain import policy
from domain.refusals_reservations import QuotaExceeded
from domain.values import Facts, Occasion


def counted(facts: Facts, view: CommandView, occasion: Occasion) -> Facts | QuotaExceeded:
    """A command's facts with the count they lead to, while a quota holds; as they are otherwise."""
    if not policy.moves_reserved(facts):
        return facts
    return policy.counted(view.policy(), facts, occasion)
