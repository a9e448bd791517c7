"""Whatever decisions make of goods, `verify` finds nothing wrong with it: its laws are
written apart from the decisions, and each is as strict as they are.
"""

from __future__ import annotations

from uuid import UUID

from hypothesis import settings

from domain.events import Event, ItemRegistered, LotRecalled, Tracking
from domain.refusals import Refusal
from domain.streams import item_stream
from domain.values import Fact, Facts
from tests.builders import SKU
from tests.commands_as_rows import judged, rows_of_facts
from tests.property.test_order_flows import Orders
from tests.property.test_supply_laws import SupplyChain
from tests.property.test_tracked_laws import START, Tracked

BESIDE = ("conservation", "no_oversell")


def registered(sku: str, tracking: Tracking) -> Fact:
    event = ItemRegistered(sku=sku, name="Lamp", tracking=tracking, attributes={})
    named = UUID(bytes=sku.encode().ljust(16, b"-"))
    return Fact(stream=item_stream(sku), event=event, event_id=named, occurred_at=START)


class VerifiedLots(Tracked):
    """Its orders have no streams of their own, and it moves what is promised: only the laws of
    goods are asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Facts] = [(registered(SKU, self.tracking),)]

    def record(
        self,
        decided: Facts | Refusal,
        *,
        may: type | tuple[type, ...] = (),  # noqa: ARG002 - what may be refused is asked elsewhere
    ) -> list[Event]:
        if not isinstance(decided, Refusal):
            self.told.append(decided)
        return super().record(decided, may=Refusal)

    def teardown(self) -> None:
        for name, law in judged(rows_of_facts(self.told), ignored=BESIDE).items():
            assert law.difference is None, f"{name}: {law.difference.sentence()}"


class VerifiedSerials(VerifiedLots):
    tracking = "serial"


TestVerifiedLots = VerifiedLots.TestCase
TestVerifiedLots.settings = settings(max_examples=settings().max_examples, stateful_step_count=20)
TestVerifiedSerials = VerifiedSerials.TestCase
TestVerifiedSerials.settings = TestVerifiedLots.settings


class VerifiedSupply(SupplyChain):
    """Purchases, transfers and moves."""

    def __init__(self) -> None:
        super().__init__()
        items = self.supply.items.values()
        self.told: list[Facts] = [(registered(each.sku, each.tracking),) for each in items]
        record = self.supply.record

        def recorded(decided: Facts | Refusal) -> list[Event]:
            assert not isinstance(decided, Refusal)
            self.told.append(decided)
            return record(decided)

        self.supply.record = recorded  # type: ignore[method-assign] # the machine's own world

    def teardown(self) -> None:
        for name, law in judged(rows_of_facts(self.told)).items():
            assert law.difference is None, f"{name}: {law.difference.sentence()}"


TestVerifiedSupply = VerifiedSupply.TestCase
TestVerifiedSupply.settings = TestVerifiedLots.settings


class VerifiedOrders(Orders):
    """Sourced, waiting, picked, sent, cancelled late, taken back."""

    def teardown(self) -> None:
        items = [(registered(sku, "none"),) for sku in self.world.items]
        told = rows_of_facts([*items, *self.world.commands])
        for name, law in judged(told).items():
            assert law.difference is None, f"{name}: {law.difference.sentence()}"


TestVerifiedOrders = VerifiedOrders.TestCase
TestVerifiedOrders.settings = TestVerifiedLots.settings


def test_a_recall_that_is_not_told_would_be_found() -> None:
    """The machine's log with one fact less is no longer lawful."""
    machine = VerifiedLots()
    machine.opening({"L4": 3})
    machine.recalls_or_ends_it("L4", end=False)
    *before, recall = machine.told
    assert isinstance(recall[0].event, LotRecalled)
    laws = judged(rows_of_facts([*before, recall[:1]]), ignored=BESIDE)
    assert laws["conservation"].difference is not None
