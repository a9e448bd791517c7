"""Whatever changes stock is told: by which event, out of what, into what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from domain.quantities import deltas
from domain.streams import sku_and_location
from eventlog.codec import decode
from eventlog.log import RecordedEvent
from projections.movements.schema import places
from projections.queries.balances import with_balances
from projections.queries.movements import Balance, movements
from tests.command_side import write_side
from tests.parts import Database
from tests.projection_side import drain
from tests.read_models import MovementRows, movement_rows
from tests.stories import STORY

LEDGERS = ("main", "outlet")
PAGE = 37
FLOWS: Final = {
    "an order": {"stock.committed.v1", "stock.shipped.v1", "stock.backordered.v1"},
    "its way": {"stock.picked.v1", "stock.picked_shipped.v1", "stock.returned.v1"},
    "its cancellation": {
        "stock.commitment_released.v1",
        "stock.unpicked.v1",
        "stock.backorder_closed.v1",
    },
    "a reservation": {"stock.reserved.v1", "stock.reservation_released.v1"},
    "its expiry": {"stock.reservation_expired.v1"},
}


async def test_every_order_flow_cancellation_and_expiry_leaves_events_with_before_and_after(
    postgres_database: Database, clickhouse_url: str
) -> None:
    async with write_side(postgres_database.log, ledgers=LEDGERS) as side:
        for chapter in STORY:
            await chapter(side)
    with movement_rows(postgres_database.log, clickhouse_url) as read_model:
        for ledger in ("acme/main", "acme/outlet"):
            drain(read_model.log, read_model.process(), read_model.log.shard(ledger))
            log = list(read_model.log.reader.read_ledger(ledger, 0, 1_000_000))
            told = balances_told(read_model, ledger)
            assert told == balances_folded(log)
            few = movements(
                read_model.client, places(1), ledger, up_to=len(log), order_id="u2", limit=PAGE
            )
            for each in with_balances(read_model.client, places(1), ledger, few):
                assert told[each.position] == (each.before, each.after)
            if ledger == "acme/main":
                types = {event.type for event in log if event.ledger_position in told}
                assert {flow for flow, wanted in FLOWS.items() if not wanted <= types} == set()


def balances_told(
    read_model: MovementRows, ledger: str
) -> Mapping[int, tuple[Balance | None, Balance | None]]:
    """Before and after of every movement, by position, page by page as the API asks for them."""
    tables, up_to = places(1), read_model.ledger_positions()[ledger]
    found: dict[int, tuple[Balance | None, Balance | None]] = {}
    after: int | None = None
    while True:
        client = read_model.client
        page = movements(client, tables, ledger, up_to=up_to, after=after, limit=PAGE)
        for each in with_balances(client, tables, ledger, page):
            found[each.position] = (each.before, each.after)
        if len(page) < PAGE:
            return found
        after = page[-1].position


def balances_folded(
    log: list[RecordedEvent],
) -> Mapping[int, tuple[Balance | None, Balance | None]]:
    """The same, out of the log by the domain's own words."""
    stocks: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    found: dict[int, tuple[Balance | None, Balance | None]] = {}
    for event in log:
        if not event.stream.startswith("stock-"):
            continue
        units = stocks[sku_and_location(event.stream)]
        before = balance(units)
        for name, by in asdict(deltas(decode(event.type, event.data))).items():
            units[name] += by or 0
        found[event.ledger_position] = (before, balance(units))
    return found


def balance(units: Mapping[str, int]) -> Balance:
    told = {name: units[name] for name in ("on_hand", "reserved", "committed", "picked", "held")}
    promised = sum(told.values()) - told["on_hand"]
    return Balance(**told, available=told["on_hand"] - promised)
