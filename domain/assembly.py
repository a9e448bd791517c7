"""An assembly: so many of a kit put together, or taken apart, at one location, at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from domain.drafts import Drafts
from domain.events import (
    AssemblyEvent,
    Component,
    KitAssembled,
    KitDisassembled,
    StockConsumed,
    StockProduced,
)
from domain.item import Item
from domain.kits import explode
from domain.named_units import UNNAMED, NamedUnits
from domain.refusals import InsufficientStock, Refusal
from domain.refusals_kits import AssemblyExists
from domain.shelf import Shelf
from domain.streams import assembly_stream, stock_stream
from domain.values import Fact, Facts, Occasion

Direction = Literal["assembled", "disassembled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """`parts` are all that went in, or came out."""

    assembly_id: str
    direction: Direction
    sku: str
    location: str
    quantity: int
    parts: tuple[Component, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be put together, or taken apart. `units` are the lots (or serials) of those that
    are tracked, by SKU: of what goes in they may be left out.
    """

    assembly_id: str
    sku: str
    location: str
    quantity: int
    units: Mapping[str, NamedUnits] = field(default_factory=dict)

    def stream(self, sku: str) -> str:
        """The stock of the kit, or of a part, there."""
        return stock_stream(sku, self.location)

    def stock_streams(self, kit: Item | None) -> tuple[str, ...]:
        """The kit's stock there, and those of its parts."""
        skus = (self.sku, *(part.sku for part in kit.components)) if kit else (self.sku,)
        return tuple(map(self.stream, skus))


def evolve(
    assembly: Assembly | None,  # noqa: ARG001 - an assembly has one fact, which tells all
    event: AssemblyEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Assembly:
    """The state after the one fact of its stream."""
    return Assembly(
        assembly_id=event.assembly_id,
        direction="assembled" if isinstance(event, KitAssembled) else "disassembled",
        sku=event.sku,
        location=event.location,
        quantity=event.quantity,
        parts=event.parts,
    )


def assemble(
    known: Assembly | None, wanted: Wanted, shelves: Mapping[str, Shelf], occasion: Occasion
) -> Facts | Refusal:
    """Parts become kits. Refused when a part is not there for nobody else: all that lack, at once.

    `shelves` are the kit's stock and, when it is a kit, those of its parts, by stream name.
    Raises HistoryNeededError as `stock_facts` does.
    """
    parts = _parts(known, wanted, shelves)
    if isinstance(parts, Refusal):
        return parts
    kit = Component(sku=wanted.sku, quantity=wanted.quantity)
    if short := _short(wanted, parts, shelves):
        return short
    event = KitAssembled(
        assembly_id=wanted.assembly_id,
        sku=wanted.sku,
        location=wanted.location,
        quantity=wanted.quantity,
        parts=parts,
    )
    return _worked(event, wanted, Drafts(shelves, occasion), occasion, went=parts, came=(kit,))


def disassemble(
    known: Assembly | None, wanted: Wanted, shelves: Mapping[str, Shelf], occasion: Occasion
) -> Facts | Refusal:
    """Kits become the parts that their bill names today. Otherwise as `assemble`."""
    parts = _parts(known, wanted, shelves)
    if isinstance(parts, Refusal):
        return parts
    kit = Component(sku=wanted.sku, quantity=wanted.quantity)
    if short := _short(wanted, (kit,), shelves):
        return short
    event = KitDisassembled(
        assembly_id=wanted.assembly_id,
        sku=wanted.sku,
        location=wanted.location,
        quantity=wanted.quantity,
        parts=parts,
    )
    return _worked(event, wanted, Drafts(shelves, occasion), occasion, went=(kit,), came=parts)


def _parts(
    known: Assembly | None, wanted: Wanted, shelves: Mapping[str, Shelf]
) -> tuple[Component, ...] | Refusal:
    if known is not None:
        return AssemblyExists(assembly_id=wanted.assembly_id)
    kit = shelves[wanted.stream(wanted.sku)]
    if (unknown := kit.unknown()) is not None:
        return unknown
    assert kit.item is not None
    return explode(kit.item, wanted.quantity)


def _short(
    wanted: Wanted, needed: tuple[Component, ...], shelves: Mapping[str, Shelf]
) -> InsufficientStock | None:
    short = [
        InsufficientStock(
            sku=part.sku,
            location=wanted.location,
            requested=part.quantity,
            available=max(0, available),
        )
        for part in needed
        if part.quantity > (available := shelves[wanted.stream(part.sku)].stock.available)
    ]
    return replace(short[0], also=tuple(short[1:])) if short else None


def _worked(
    event: AssemblyEvent,
    wanted: Wanted,
    drafts: Drafts,
    occasion: Occasion,
    *,
    went: tuple[Component, ...],
    came: tuple[Component, ...],
) -> Facts | Refusal:
    for kind, parts in ((StockConsumed, went), (StockProduced, came)):
        for part in parts:
            moved = kind(
                sku=part.sku,
                location=wanted.location,
                quantity=part.quantity,
                assembly_id=wanted.assembly_id,
            )
            units = wanted.units.get(part.sku, UNNAMED)
            drafts.of(wanted.stream(part.sku)).move(moved, units=units)
    told = Fact(
        stream=assembly_stream(event.assembly_id),
        event=event,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
        after=evolve(None, event, occasion.occurred_at),
    )
    return drafts.facts(told)
