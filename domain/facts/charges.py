"""Stream `charge-<id>`: money without goods."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRecorded:
    """Money without goods: postage, a fee, a manual line."""

    charge_id: str
    code: str
    description: str = ""
    quantity: int
    unit_price_micros: int
    currency: str
    order_id: str | None = None
