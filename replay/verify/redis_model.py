"""The read model in Redis (`availability`): what the hashes of its SKUs must hold.

They are read page by page; each page is compared where it stands itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from replay.verify.catalogue import ShardMark, Streams
from replay.verify.ledger import LedgerFold
from replay.verify.report import LawResult
from replay.verify.rows import EventRow

SETTINGS = ("safety_stock", "backorder_limit")
Fields = dict[str, str]


@dataclass(slots=True, kw_only=True)
class Page:
    """A `ReadModel`: some hashes of a shard, and where they stood when they were read.

    `unparked` has the last position that retries had written of streams (`ledger|stream`) by then.
    """

    name: str
    law: LawResult
    shard: int
    mark: ShardMark
    positions: Mapping[str, int]
    hashes: dict[str, dict[str, Fields]]
    unparked: Fields
    unsettled: set[str] = field(default_factory=set)
    _stops: dict[str, dict[str, int]] = field(default_factory=dict)
    _stopped: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def position(self, ledger: str) -> int:
        return self.positions.get(ledger, 0)

    def stops(self, ledger: str) -> Mapping[str, int]:
        return self._stops.get(ledger, {})

    def settle(self, parked: Streams, unparked: Fields) -> None:
        """`unparked`: as of now, after the log's snapshot, which has told what is parked."""
        moved = unparked.items() - self.unparked.items()
        self.unsettled = {stream for stream, _ in moved}
        for (ledger, stream), park in parked.items():
            applied = int(self.unparked.get(f"{ledger}|{stream}", 0))
            self._stops.setdefault(ledger, {})[stream] = max(park.position, applied + 1)

    def stop(self, row: EventRow, fold: LedgerFold) -> None:
        sku, names = of_stream(row.stream)
        shown = fields_of(fold, sku)
        for name in names:
            self._stopped[sku, name] = shown.get(name)

    def compare(self, fold: LedgerFold) -> None:
        for sku, found in self.hashes.pop(fold.ledger, {}).items():
            self.law.checked += len(found)
            expected = fields_of(fold, sku)
            if self._stopped:
                expected = self._as_stopped(sku, expected)
            if found != expected:
                self._unlike(fold.ledger, sku, expected, found)
        self._stopped = {}

    def end(self) -> None:
        """Every ledger was compared: what is left belongs to none."""
        for ledger in self.hashes:
            self.law.differ(
                where=f"{self.name}, ledger {ledger}", expected="no hash", found="unknown ledger"
            )

    def _as_stopped(self, sku: str, expected: Fields) -> Fields:
        kept = {name: value for (each, name), value in self._stopped.items() if each == sku}
        told: dict[str, str | None] = {**expected, **kept}
        return {name: value for name, value in told.items() if value is not None}

    def _unlike(self, ledger: str, sku: str, expected: Fields, found: Fields) -> None:
        for name in sorted(expected.keys() | found.keys()):
            want, have = expected.get(name), found.get(name)
            stream = f"item-{sku}" if name.startswith("#") else f"stock-{sku}@{name}"
            if want != have and f"{ledger}|{stream}" not in self.unsettled:
                self.law.differ(
                    where=f"{self.name}, ledger {ledger}, {sku}, field {name}",
                    expected=want if want is not None else "no such field: no event explains it",
                    found=have if have is not None else "none: the field is missing",
                )


@dataclass(slots=True, kw_only=True)
class Presence:
    """A `ReadModel`: that each SKU of a shard has its hash, as of before they were listed."""

    name: str
    law: LawResult
    shard: int
    positions: Mapping[str, int]
    skus: Mapping[str, set[str]]
    excused: set[tuple[str, str]] = field(default_factory=set)

    def position(self, ledger: str) -> int:
        return self.positions.get(ledger, 0)

    def stops(self, ledger: str) -> Mapping[str, int]:  # noqa: ARG002 - as any read model
        return {}

    def stop(self, row: EventRow, fold: LedgerFold) -> None:
        """Nothing to keep: SKUs of parked streams are let pass."""

    def compare(self, fold: LedgerFold) -> None:
        if fold.ledger not in self.positions:
            return
        wanted = fold.items.keys() | fold.locations_of.keys()
        self.law.checked += len(wanted)
        for sku in sorted(wanted - self.skus.get(fold.ledger, set())):
            if (fold.ledger, sku) not in self.excused:
                self.law.differ(
                    where=f"{self.name}, ledger {fold.ledger}, {sku}",
                    expected="a hash",
                    found="none: the key is missing",
                )


def of_stream(stream: str) -> tuple[str, tuple[str, ...]]:
    """The SKU and the fields of its hash that a stream's events make."""
    aggregate, _, name = stream.partition("-")
    if aggregate == "item":
        return name, (*(f"#{setting}" for setting in SETTINGS), "#status")
    sku, _, location = name.partition("@")
    return sku, (location,)


def fields_of(fold: LedgerFold, sku: str) -> Fields:
    """What a SKU's hash must hold."""
    fields = {
        location: str(fold.stocks[sku, location].available)
        for location in fold.locations_of.get(sku, ())
    }
    item = fold.items.get(sku)
    if item is not None:
        fields |= {f"#{name}": str(item.fields.get(name, 0)) for name in SETTINGS}
        fields["#status"] = item.status
    return fields
