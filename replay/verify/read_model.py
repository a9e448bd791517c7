"""Law 6: what a read model is to this check, and the walk of several along one ledger's fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow, LedgerRow
from replay.verify.stock import Data, Move


class ReadModel(Protocol):
    """Cells that are compared when the fold stands where they stand."""

    @property
    def name(self) -> str: ...

    def position(self, ledger: str) -> int:
        """Where its cells of this ledger stand."""

    def stops(self, ledger: str) -> Mapping[str, int]:
        """Streams it no longer follows: the position from which on its cells lack their events."""

    def stop(self, row: EventRow, fold: LedgerFold) -> None:
        """`row` is the first event that a stopped stream's cell lacks: keep what the cell shows.

        It is not folded yet, and the read model stands behind it, not compared yet.
        """

    def compare(self, fold: LedgerFold) -> None:
        """The fold stands at the read model's position in this ledger."""


class Follower(Protocol):
    """What is compared event by event: too much to hold, or each row at a place of its own."""

    def event(self, row: EventRow, data: Data, moved: Move, fold: LedgerFold) -> None:
        """After an event was folded, every one."""

    def end(self, fold: LedgerFold) -> None:
        """The ledger's last event was folded."""


class Following:
    """The read models on their way along one ledger."""

    def __init__(
        self,
        models: Iterable[ReadModel],
        followers: Iterable[Follower],
        fold: LedgerFold,
    ) -> None:
        self._fold = fold
        ahead = [(model.position(fold.ledger), model) for model in models]
        self._ahead = sorted(ahead, key=lambda each: each[0], reverse=True)
        self._followers = list(followers)
        self._stops: dict[str, list[tuple[int, ReadModel]]] = {}
        for reached, model in ahead:
            for stream, position in model.stops(fold.ledger).items():
                if position <= reached:
                    self._stops.setdefault(stream, []).append((position, model))
        self._compare_reached(0)

    def before(self, row: EventRow) -> None:
        """Before the event is folded."""
        if row.stream in self._stops:
            waiting = self._stops[row.stream]
            for position, model in waiting[:]:
                if row.position >= position:
                    model.stop(row, self._fold)
                    waiting.remove((position, model))

    def after(self, row: EventRow, folded: tuple[Data, Move] | None) -> None:
        """After it was folded."""
        if folded is not None:
            data, moved = folded
            for follower in self._followers:
                follower.event(row, data, moved, self._fold)
        if row.position >= self._next:
            self._compare_reached(row.position)

    def end(self, ledger: LedgerRow, law: LawResult) -> None:
        for follower in self._followers:
            follower.end(self._fold)
        for position, model in reversed(self._ahead):
            law.differ(
                where=f"position of {model.name} in ledger {ledger.ledger}",
                expected=f"at most {ledger.position}, where the log ends",
                found=position,
            )

    def _compare_reached(self, position: int) -> None:
        while self._ahead and self._ahead[-1][0] <= position:
            self._ahead.pop()[1].compare(self._fold)
        self._next = self._ahead[-1][0] if self._ahead else 1 << 63
