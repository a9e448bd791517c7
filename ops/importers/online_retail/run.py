"""The import itself: survey, openings, invoices in bulks, at the pace of the slowest read model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.client import Answer, Client
from ops.importers.online_retail.conflicts import Conflict, Reconciler
from ops.importers.online_retail.invoices import Body, Commands, events_of, invoices
from ops.importers.online_retail.openings import Opening, Survey, survey
from ops.importers.online_retail.rows import Row, read_rows
from ops.importers.pace import Pace
from ops.stack.errors import StackError

# A bulk of this many events is decided and stored in well under a second.
BULK_EVENTS = 3_000
BULK_COMMANDS_MAX = 1_000
TOP_UPS_MAX = 1_000
CONFLICTS_SHOWN_MAX = 100


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the answers said. `events` counts new ones only; `replayed` commands added none."""

    commands: int = 0
    events: int = 0
    refused: int = 0
    replayed: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    first_position: int | None = None
    last_position: int | None = None

    def add(self, answer: Answer) -> None:
        self.commands += 1
        self.replayed += answer.replayed
        if not answer.accepted:
            self._refused(answer)
        elif answer.first_position is not None and answer.last_position is not None:
            self.last_position = max(self.last_position or 0, answer.last_position)
            if not answer.replayed:
                self.first_position = self.first_position or answer.first_position
                self.events += answer.last_position - answer.first_position + 1

    def _refused(self, answer: Answer) -> None:
        self.refused += 1
        if len(self.refusals) < CONFLICTS_SHOWN_MAX:
            why = (answer.refusal or {}).get("detail") or "; ".join(
                f"{each.pointer}: {each.detail}" for each in answer.errors
            )
            self.refusals.append(f"{answer.key}: {answer.outcome}: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`seconds` run from the first request until every read model showed the last event."""

    survey: Survey
    tally: Tally
    seconds: float


Progress = Callable[[int, int], None]  # rows done, rows in all


class OnlineRetailImport:
    """Repeatable: what is in the ledger already is answered from its keys and adds nothing."""

    def __init__(self, client: Client, *, source: str, ledger: str, location: str) -> None:
        self._client = client
        self._ledger = ledger
        self._commands = Commands(source=source, ledger=ledger, location=location)
        self._pace = Pace(client, ledger)
        self._tally = Tally()
        self._reconciler = Reconciler(client, self._commands, ledger)

    def run(self, path: Path, progress: Progress) -> Imported:
        """Reads the whole file once before anything is sent. Raises FileProblem, ApiError,
        UnreachableError; run again after any of them: it goes on where it stopped.
        """
        found = survey(read_rows(path))
        started = time.monotonic()
        if found.starts_at is not None:
            self._open(found, found.starts_at.isoformat())
            done = 0
            for rows, bulk in _ahead(self._bulks(read_rows(path))):
                self._send(bulk, rows)
                done += len(rows)
                progress(done, found.rows)
        self._client.wait_for(self._tally.last_position, ledger=self._ledger)
        return Imported(survey=found, tally=self._tally, seconds=time.monotonic() - started)

    def lag_p99_seconds(self, imported: Imported) -> float | None:
        """For every append of this import, the slowest read model's apply minus recorded_at.

        Raises StackError when some append has no apply: the figure would leave out the worst.
        """
        first, last = imported.tally.first_position, imported.tally.last_position
        if first is None or last is None:
            return None
        lag: Any = self._client.get(
            "/v1/read-models/lag", ledger=self._ledger, after=first - 1, until=last
        )
        if unapplied := lag["lag"]["unapplied"]:
            raise StackError(
                f"of {unapplied} appends of this import nobody knows when a read model applied"
                " them: all is imported, but its lag is unknown; see `backstock status`"
            )
        return float(lag["lag"]["p99_seconds"])

    def _open(self, found: Survey, at: str) -> None:
        names = [
            self._commands.location(at),
            *(self._commands.item(each.sku, each.name, at) for each in found.openings),
        ]
        for start in range(0, len(names), BULK_COMMANDS_MAX):
            bulk = names[start : start + BULK_COMMANDS_MAX]
            for answer in self._client.submit_bulk(bulk).results:
                if not known_already(answer):
                    self._tally.add(answer)
        receipts = list(self._receipts(found.openings, at))
        for start in range(0, len(receipts), BULK_COMMANDS_MAX):
            self._send(receipts[start : start + BULK_COMMANDS_MAX], [])

    def _receipts(self, openings: Sequence[Opening], at: str) -> Iterator[Body]:
        """What each SKU still lacks of its opening: earlier imports may have received a part."""
        lacking = {each.sku: each.units for each in openings if each.units > 0}
        for top_up in range(1, TOP_UPS_MAX + 1):
            keys = {self._commands.opening_key(sku, top_up): sku for sku in lacking}
            stored = self._client.answers(list(keys), ledger=self._ledger) if keys else {}
            for key, sku in keys.items():
                if key not in stored:
                    yield self._commands.opening(sku, lacking.pop(sku), top_up, at)
                    continue
                lacking[sku] -= self._reconciler.received(stored[key])
                if lacking[sku] <= 0:
                    del lacking[sku]
            if not lacking:
                return

    def _bulks(self, rows: Iterable[Row]) -> Iterator[tuple[list[Row], list[Body]]]:
        bulk: list[Body] = []
        of_bulk: list[Row] = []
        events = 0
        for invoice in invoices(rows):
            for body in self._commands.of_invoice(invoice):
                bulk.append(body)
                events += events_of(body)
            of_bulk += invoice
            if events >= BULK_EVENTS or len(bulk) >= BULK_COMMANDS_MAX:
                yield of_bulk, bulk
                bulk, of_bulk, events = [], [], 0
        if bulk:
            yield of_bulk, bulk

    def _send(self, bulk: Sequence[Body], rows: Sequence[Row]) -> None:
        answers = self._client.submit_bulk(bulk).results
        for body, answer in zip(bulk, answers, strict=True):
            if answer.outcome == "key_conflict":
                self._reconcile(body, rows)
            else:
                self._tally.add(answer)
        self._pace.keep(self._tally.last_position)

    def _reconcile(self, body: Body, rows: Sequence[Row]) -> None:
        conflicts, additions = self._reconciler.explain(body, rows, self._tally.last_position)
        self._tally.conflicts += conflicts
        if additions:
            self._send(additions, rows)


def known_already(answer: Answer) -> bool:
    """Whether a location or item is there: by another source, or since another instant or under
    another description by this one. That is no fault.
    """
    code = (answer.refusal or {}).get("code")
    return answer.outcome == "key_conflict" or code in {"location_exists", "item_exists"}


def _ahead(
    bulks: Iterator[tuple[list[Row], list[Body]]],
) -> Iterator[tuple[list[Row], list[Body]]]:
    """The next bulk is read and built while the last one is on its way."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, bulks, None)
        while (bulk := coming.result()) is not None:
            coming = reader.submit(next, bulks, None)
            yield bulk
