"""A batch of events as changes of hashes, cut where one script call would touch too many keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.events import ItemDescribed, ItemDiscontinued, ItemRegistered
from eventlog.log import RecordedEvent
from projections.availability.keys import BACKORDER_LIMIT, SAFETY_STOCK, STATUS
from projections.reading import read
from projections.stock_facts import RULES, StockRule, read_stock

# One call blocks the server for about 1 ms at these limits; four keys are the shard's own.
HASHES_PER_CALL_MAX = 496
EVENTS_PER_CALL_MAX = 2_000


@dataclass(slots=True)
class HashChange:
    """What happens to one SKU's hash: units by location, and settings as they are from here on."""

    units: dict[str, int] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Piece:
    """The events of one script call, folded by (ledger, SKU). `last_of` is each ledger's last."""

    last: RecordedEvent
    changes: dict[tuple[str, str], HashChange] = field(default_factory=dict)
    last_of: dict[str, RecordedEvent] = field(default_factory=dict)
    events: int = 0


def pieces(events: Iterable[RecordedEvent], rules: Mapping[str, StockRule] = RULES) -> list[Piece]:
    """The whole batch, in order, before anything of it is written. Raises `PoisonEventError`."""
    found: list[Piece] = []
    for event in events:
        rule = rules.get(event.type)
        if rule is None:
            fact = read(event)
            assert isinstance(fact, ItemRegistered | ItemDescribed | ItemDiscontinued)
            _change(found, event, fact.sku).settings.update(_settings(fact))
            continue
        stock = read_stock(event, rule)
        units = _change(found, event, stock.sku).units
        on_hand, reserved, committed, picked, held = rule.move(stock)
        free = on_hand - reserved - committed - picked - held
        units[stock.location] = units.get(stock.location, 0) + free
    return found


def _change(found: list[Piece], event: RecordedEvent, sku: str) -> HashChange:
    """The change of the SKU's hash in the last piece, or in a new one when that one is full."""
    key = (event.ledger, sku)
    piece = found[-1] if found else None
    change = None if piece is None else piece.changes.get(key)
    if (
        piece is None
        or piece.events == EVENTS_PER_CALL_MAX
        or (change is None and len(piece.changes) == HASHES_PER_CALL_MAX)
    ):
        piece, change = Piece(event), None
        found.append(piece)
    if change is None:
        change = piece.changes[key] = HashChange()
    piece.last = piece.last_of[event.ledger] = event
    piece.events += 1
    return change


def _settings(fact: ItemRegistered | ItemDescribed | ItemDiscontinued) -> dict[str, str]:
    if isinstance(fact, ItemDiscontinued):
        return {STATUS: "discontinued"}
    limits = {
        SAFETY_STOCK: str(fact.safety_stock),
        BACKORDER_LIMIT: str(fact.backorder_limit),
    }
    return limits | ({STATUS: "active"} if isinstance(fact, ItemRegistered) else {})
