"""Another policy: what is changed about the rules that items and customers bring with them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from domain.item import Item
from domain.values import QUANTITY_MAX

Units = Annotated[int, msgspec.Meta(ge=0, le=QUANTITY_MAX)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=10 * 366 * 86_400)]
SafetyStock = Units | Literal["own"]


class PolicyError(Exception):
    """The policy file says something that is no policy."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is no policy: {why}; it may hold backorder_limit, safety_stock (units or"
            ' "own"), reservation_seconds, and items: {SKU: {backorder_limit, safety_stock}}'
        )
        self.path = path
        self.why = why


class ItemPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For one SKU, before what the policy says of all."""

    backorder_limit: Units | None = None
    safety_stock: SafetyStock | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None leaves a rule as it was. `backorder_limit` and `safety_stock` are units per location.

    A `safety_stock` is kept back from promises: so many units, or "own": what each item says.
    `reservation_seconds` is how long a reservation holds from when it was made, whatever was asked.
    """

    backorder_limit: Units | None = None
    safety_stock: SafetyStock | None = None
    reservation_seconds: Seconds | None = None
    items: Mapping[str, ItemPolicy] = msgspec.field(default_factory=dict)

    @property
    def is_as_it_was(self) -> bool:
        return self == AS_IT_WAS

    @property
    def reservation_holds(self) -> timedelta | None:
        seconds = self.reservation_seconds
        return None if seconds is None else timedelta(seconds=seconds)

    def safety_stock_of(self, item: Item) -> int:
        """What readers are not offered of it: the policy's, or else the item's own."""
        said = self._safety_stock(item.sku)
        return item.safety_stock if said in {None, "own"} else int(said or 0)

    def applied(self, item: Item) -> Item:
        """The item as decisions see it. Units kept back stand as a negative backorder limit: that
        many fewer than there are may be promised. A discontinued item is sold out in any case.
        """
        own = self.items.get(item.sku)
        limit = self.backorder_limit
        if own is not None and own.backorder_limit is not None:
            limit = own.backorder_limit
        if limit is None:
            limit = item.backorder_limit
        if self._safety_stock(item.sku) is not None:
            limit -= self.safety_stock_of(item)
        return item if limit == item.backorder_limit else replace(item, backorder_limit=limit)

    def _safety_stock(self, sku: str) -> SafetyStock | None:
        own = self.items.get(sku)
        if own is not None and own.safety_stock is not None:
            return own.safety_stock
        return self.safety_stock

    def as_dict(self) -> dict[str, Any]:
        """What it changes."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in said.items() if value not in (None, {})}


AS_IT_WAS = Policy()


def read_policy(path: Path) -> Policy:
    """From a JSON or TOML file, told apart by its name. Raises PolicyError."""
    try:
        text = path.read_bytes()
        if path.suffix == ".toml":
            return msgspec.convert(tomllib.loads(text.decode()), Policy)
        return msgspec.json.decode(text, type=Policy)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
        raise PolicyError(path, str(error)) from error
