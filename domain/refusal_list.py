"""Every refusal the domain can give, out of the modules that declare them."""

from __future__ import annotations

from types import ModuleType

from domain import (
    refusals,
    refusals_counts,
    refusals_crossings,
    refusals_grounds,
    refusals_kits,
    refusals_lots,
    refusals_orders,
    refusals_payments,
    refusals_purchases,
    refusals_reservations,
    refusals_transfers,
    refusals_units,
)
from domain.refusals import Refusal

MODULES: tuple[ModuleType, ...] = (
    refusals,
    refusals_counts,
    refusals_crossings,
    refusals_grounds,
    refusals_kits,
    refusals_lots,
    refusals_orders,
    refusals_purchases,
    refusals_payments,
    refusals_reservations,
    refusals_transfers,
    refusals_units,
)


def _declared(module: ModuleType) -> list[type[Refusal]]:
    return [
        found
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, Refusal)
        and found is not Refusal
        and found.__module__ == module.__name__
    ]


REFUSALS: tuple[type[Refusal], ...] = tuple(
    refusal for module in MODULES for refusal in _declared(module)
)
