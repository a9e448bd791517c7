"""Item and location events folded over a batch: the last description, and whether it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain.events import ItemDescribed, ItemDiscontinued, ItemRegistered, LocationRegistered
from eventlog.log import RecordedEvent
from eventlog.upcasters import stored_names
from projections.reading import ITEM_TYPES, LOCATION_TYPES, read

ITEM_STORED = frozenset(stored_names(ITEM_TYPES))
LOCATION_STORED = frozenset(stored_names(LOCATION_TYPES))
Description = ItemRegistered | ItemDescribed


@dataclass(slots=True, kw_only=True)
class ItemChange:
    """What a batch says of one item. `last` is the last of its events; `description` is None when
    none of them describes it; `discontinued` stays once it is true. `is_whole`: the item's stream
    begins in the batch, so that nothing older is to be known.
    """

    last: RecordedEvent
    is_whole: bool = False
    description: Description | None = None
    discontinued: bool = False


def item_changes(events: Iterable[RecordedEvent]) -> dict[tuple[str, str], ItemChange]:
    """(ledger, SKU) -> what the batch changes there. Raises `PoisonEventError`."""
    changes: dict[tuple[str, str], ItemChange] = {}
    for event in events:
        if event.type not in ITEM_STORED:
            continue
        fact = read(event)
        assert isinstance(fact, ItemRegistered | ItemDescribed | ItemDiscontinued)
        change = changes.setdefault((event.ledger, fact.sku), ItemChange(last=event))
        change.last = event
        change.is_whole |= event.stream_version == 1
        if isinstance(fact, ItemDiscontinued):
            change.discontinued = True
        else:
            change.description = fact
    return changes


def locations(
    events: Iterable[RecordedEvent],
) -> dict[tuple[str, str], tuple[RecordedEvent, LocationRegistered]]:
    """(ledger, location) -> its last event and what that says. Raises `PoisonEventError`."""
    found: dict[tuple[str, str], tuple[RecordedEvent, LocationRegistered]] = {}
    for event in events:
        if event.type in LOCATION_STORED:
            fact = read(event)
            assert isinstance(fact, LocationRegistered)
            found[event.ledger, fact.location] = (event, fact)
    return found
